package mainthread_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/ste-go/ste/internal/child"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

var patienceFlag = flag.Duration("patience", 2*time.Minute, "how long a test waits for something that must happen")

// TestMain runs a child's scenario when this process is a child. Otherwise it runs
// the tests on a goroutine of their own and keeps the main goroutine, which TestMain
// has and tests do not, for what they want to happen there (see onMain); then it
// looks for goroutines that they left behind.
func TestMain(m *testing.M) {
	if name := os.Getenv("STE_CHILD"); children[name] != nil {
		children[name]()
		os.Exit(0)
	}
	flag.Parse()
	code := 1
	go func() {
		defer close(mainCalls)
		code = m.Run()
	}()
	serveMain(func() {
		// handleEvent is the runtime's own, on js.
		if code == 0 {
			if err := goleak.Find(goleak.IgnoreAnyFunction("runtime.handleEvent")); err != nil {
				fmt.Fprintln(os.Stderr, "goroutines left after the tests:", err)
				code = 1
			}
		}
		os.Exit(code)
	})
}

// mainCalls is what the main goroutine shall do. Closed when the tests have ended.
var mainCalls = make(chan func())

// serveMain does what comes in, also after a Goexit of that, such as require's when a
// test fails, and then what exit says. Each Goexit makes the stack deeper, and goleak
// reads none of over 100 frames: tests that want one have a child.
func serveMain(exit func()) {
	ended := false
	defer func() {
		if !ended {
			serveMain(exit) // func main stays on the stack
		}
	}()
	for f := range mainCalls {
		f()
	}
	ended = true
	exit()
}

// onMain runs f on the main goroutine, below func main, and waits. It reports
// whether f ended by returning, and what it panicked with if it did that.
func onMain(t testing.TB, f func()) (returned bool, panicked any) {
	t.Helper()
	done := make(chan struct{})
	mainCalls <- func() {
		defer close(done)
		defer func() { panicked = recover() }()
		f()
		returned = true
	}
	await(t, done)
	if t.Failed() {
		t.FailNow() // f was on another goroutine
	}
	return returned, panicked
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
		buf := make([]byte, 1<<20)
		fmt.Fprintf(os.Stderr, "%s: somebody waits for ever\n\n%s", t.Name(), buf[:runtime.Stack(buf, true)])
		os.Exit(1)
	}
}

// children are scenarios that need a process of their own; runChild runs one.
var children = map[string]func(){}

// A scenario is the testing.TB of a child, for require: what fails ends the child.
type scenario struct{}

func (scenario) Errorf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
func (scenario) FailNow()                          { os.Exit(1) }

// needProcesses skips the test where there are none.
func needProcesses(t testing.TB) {
	t.Helper()
	if runtime.GOARCH == "wasm" {
		t.Skip("no processes")
	}
}

// exits runs f, which must end by a Goexit, and then check, and ends the child.
func exits(f, check func()) {
	var t scenario
	returned := false
	defer func() {
		require.Nil(t, recover())
		require.False(t, returned)
		check()
		os.Exit(0)
	}()
	f()
	returned = true
}

// runChild runs a scenario and returns its output and exit code. A child that
// hangs is killed and fails the test.
func runChild(t testing.TB, name string, env ...string) (string, int) {
	t.Helper()
	needProcesses(t)
	require.Contains(t, children, name)
	return output(t, child.Command(t, name, nil, env...))
}

func output(t testing.TB, cmd *exec.Cmd) (string, int) {
	t.Helper()
	return child.Output(t, cmd, *patienceFlag)
}

// boomFrame is a function name to look for in stacks.
func boomFrame(v any) { panic(v) }
