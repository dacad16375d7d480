package testkit

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/ste-go/ste/internal/osthread"
	"go.uber.org/goleak"
)

// Main is a package's TestMain. It runs a child's scenario when this process is a
// child, and otherwise the tests, and then looks for what they left behind.
func Main(m *testing.M) {
	RunScenario()
	flag.Parse()
	code := m.Run()
	if code == 0 && os.Getenv(Variable) == "" {
		code = Leaks()
	}
	os.Exit(code)
}

// Leaks reports goroutines and OS threads that outlived the tests, and returns the
// exit code that they deserve.
func Leaks() int {
	// handleEvent is the runtime's own, on js.
	if err := goleak.Find(goleak.IgnoreAnyFunction("runtime.handleEvent")); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines left after the tests:", err)
		return 1
	}
	deadline := time.Now().Add(time.Second)
	for {
		left := osThreadsLeft()
		if len(left) == 0 {
			return 0
		}
		if time.Now().After(deadline) {
			fmt.Fprintln(os.Stderr, "OS threads of Threads left a second after the tests:", left)
			return 1
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A Thread is what this package wants of the library's.
type Thread interface {
	Submit(f func()) error
	Shutdown(ctx context.Context) error
}

// Keep closes a Thread at the end of the test, and lets Leaks look for its OS thread.
func Keep(t testing.TB, th Thread) {
	t.Helper()
	t.Cleanup(func() {
		// A failed test may leave a task that hangs: say so, and go on.
		ctx, cancel := context.WithTimeout(context.Background(), *patienceFlag)
		defer cancel()
		if th.Shutdown(ctx); ctx.Err() != nil {
			t.Error("a task of this test's Thread hangs")
		}
	})
	Watch(th)
}

// Watch lets Leaks look for a Thread's OS thread.
func Watch(th Thread) { th.Submit(WatchHere) }

// WatchHere lets Leaks look for the calling OS thread.
func WatchHere() { rememberOSThread(osthread.ID()) }

// OSThreadOf returns the number of a Thread's OS thread.
func OSThreadOf(t testing.TB, th Thread) (tid uint64) {
	t.Helper()
	if err := th.Submit(func() { tid = osthread.ID() }); err != nil {
		t.Fatal(err)
	}
	return tid
}
