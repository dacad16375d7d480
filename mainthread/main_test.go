package mainthread_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// TestMain runs a child's scenario when this process is a child. Otherwise it runs
// the tests on a goroutine of their own and keeps the main goroutine, which TestMain
// has and tests do not, for what they want to happen there (see onMain); then it
// looks for goroutines that they left behind.
func TestMain(m *testing.M) {
	testkit.RunScenario()
	flag.Parse()
	code := 1
	go func() {
		defer close(mainCalls)
		code = m.Run()
	}()
	serveMain(func() {
		if code == 0 {
			code = testkit.Leaks()
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
	testkit.Await(t, done)
	if t.Failed() {
		t.FailNow() // f was on another goroutine
	}
	return returned, panicked
}

// A scenario is the testing.TB of a child, for require: what fails ends the child.
type scenario struct{}

func (scenario) Errorf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
func (scenario) FailNow()                          { os.Exit(1) }

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
