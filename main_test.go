package ste_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/child"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

var roundsFlag = flag.Int("rounds", 10_000, "rounds of each race; -short divides them by 50")

var patienceFlag = flag.Duration("patience", 2*time.Minute, "how long a test waits for something that must happen")

// rounds is how often a race is run. per says how dear a round is: a race whose
// rounds cost a Thread each runs a fraction of those that cost a Submit.
func rounds(per int) int {
	n := *roundsFlag / per
	if testing.Short() {
		n /= 50
	}
	return max(n, 20)
}

// TestMain runs a child's scenario when this process is a child, and otherwise
// the tests, and then looks for what they left behind.
func TestMain(m *testing.M) {
	if name := os.Getenv("STE_CHILD"); name != "" && children[name] != nil {
		children[name]()
		os.Exit(0)
	}
	flag.Parse()
	code := m.Run()
	if code == 0 && os.Getenv("STE_CHILD") == "" {
		code = leaks()
	}
	os.Exit(code)
}

// leaks reports goroutines and OS threads that outlived the tests.
func leaks() int {
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

// start makes a Thread that is closed at the end of the test and whose OS thread
// leaks looks for.
func start(t testing.TB, opts ...ste.Option) *ste.Thread {
	t.Helper()
	th, err := ste.New(opts...)
	require.NoError(t, err)
	t.Cleanup(func() {
		// A failed test may leave a task that hangs: say so, and go on.
		ctx, cancel := context.WithTimeout(context.Background(), *patienceFlag)
		defer cancel()
		if th.Shutdown(ctx); ctx.Err() != nil {
			t.Error("a task of this test's Thread hangs")
		}
	})
	watch(th)
	return th
}

// watch remembers a Thread's OS thread for leaks.
func watch(th *ste.Thread) {
	th.Submit(func() { rememberOSThread(osthread.ID()) })
}

// tidOf returns the number of a Thread's OS thread.
func tidOf(t testing.TB, th *ste.Thread) (tid uint64) {
	t.Helper()
	require.NoError(t, th.Submit(func() { tid = osthread.ID() }))
	return tid
}

// A barrier releases its parties together.
type barrier struct {
	arrived sync.WaitGroup
	open    chan struct{}
}

func newBarrier(parties int) *barrier {
	b := &barrier{open: make(chan struct{})}
	b.arrived.Add(parties)
	go func() { b.arrived.Wait(); close(b.open) }()
	return b
}

func (b *barrier) wait() { b.arrived.Done(); <-b.open }

// together runs the functions on goroutines of their own, released together,
// and waits for all of them, however they end. A function that hangs fails the
// whole run with a dump of all goroutines.
func together(t testing.TB, fs ...func()) {
	t.Helper()
	b := newBarrier(len(fs))
	var wg sync.WaitGroup
	for _, f := range fs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			b.wait()
			f()
		}()
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	await(t, done)
}

// await fails the whole run, with a dump of all goroutines, when c is not closed
// in good time: somebody was left waiting for ever.
func await(t testing.TB, c <-chan struct{}) {
	t.Helper()
	timer := time.NewTimer(*patienceFlag)
	defer timer.Stop()
	select {
	case <-c:
	case <-timer.C:
		// Not a failure of t: its cleanups would wait for the same thing.
		buf := make([]byte, 1<<20)
		fmt.Fprintf(os.Stderr, "%s: somebody waits for ever\n\n%s", t.Name(), buf[:runtime.Stack(buf, true)])
		os.Exit(1)
	}
}

// within runs f and fails like await when it does not end. It reports whether f
// ended by returning, and what it panicked with if it did that.
func within(t testing.TB, f func()) (returned bool, panicked any) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		f()
		returned = true
	}()
	await(t, done)
	return returned, panicked
}

// heard returns what somebody was told.
func heard[T any](t *testing.T, told chan T) T {
	t.Helper()
	select {
	case v := <-told:
		return v
	case <-time.After(*patienceFlag):
		t.Fatal("nothing was heard")
		panic("unreachable")
	}
}

// children are scenarios that need a process of their own; runChild runs one.
var children = map[string]func(){}

// runChild runs a scenario and returns its output and exit code. A child that
// hangs is killed and fails the test.
func runChild(t testing.TB, name string, env ...string) (string, int) {
	t.Helper()
	require.Contains(t, children, name)
	return output(t, child.Command(t, name, nil, env...))
}

// orDie ends the child with a message unless err is nil.
func orDie(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func output(t testing.TB, cmd *exec.Cmd) (string, int) {
	t.Helper()
	return child.Output(t, cmd, *patienceFlag)
}
