package oslocal_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/ste-go/ste/oslocal"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

var roundsFlag = flag.Int("rounds", 5_000, "rounds of each race; -short divides them by 50")

func rounds(per int) int {
	n := *roundsFlag / per
	if testing.Short() {
		n /= 50
	}
	return max(n, 10)
}

// patience is how long a test waits for something that must happen.
const patience = time.Minute

// The process's first thread stays the main goroutine's: Go parks it for ever, and
// does not end it, when a goroutine ends that is locked to it.
func init() { runtime.LockOSThread() }

// TestMain runs a child's scenario when this process is a child, and otherwise the
// tests, and then looks for goroutines that outlived them.
func TestMain(m *testing.M) {
	if f := children[os.Getenv("STE_CHILD")]; f != nil {
		f()
		os.Exit(0)
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines left after the tests:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// children are scenarios for a process of their own.
var children = map[string]func(){}

// runChild runs one, and returns its output.
func runChild(t *testing.T, name string, env ...string) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	args := []string{self}
	// After go test -exec qemu the kernel cannot start self without it.
	if exe, err := os.Readlink("/proc/thread-self/exe"); err == nil && exe != self {
		if _, err := os.Stat(exe); err == nil {
			args = []string{exe, self}
		}
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(append(os.Environ(), "STE_CHILD="+name), env...)
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// newLocal makes a Local that is closed when the test ends.
func newLocal[T any](t testing.TB, open func() (T, error), close func(*T) error, opts ...oslocal.Option) *oslocal.Local[T] {
	t.Helper()
	l, err := oslocal.New(open, close, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// onThread runs f on a goroutine that is locked to an OS thread of its own, which
// ends with it, and waits for f, however it ends. (The thread ends a moment later.)
func onThread(t testing.TB, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	await(t, done)
}

// await fails the whole run when c does not become ready in good time.
func await[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		buf := make([]byte, 1<<20)
		fmt.Fprintf(os.Stderr, "%s: somebody waits for ever\n\n%s", t.Name(), buf[:runtime.Stack(buf, true)])
		os.Exit(1)
		panic(nil)
	}
}

// together runs the functions on locked goroutines, released together, and waits
// for all of them.
func together(t testing.TB, fs ...func()) {
	t.Helper()
	start, done := make(chan struct{}), make(chan struct{})
	ready := make(chan struct{}, len(fs))
	for _, f := range fs {
		go func() {
			defer func() { done <- struct{}{} }()
			runtime.LockOSThread()
			ready <- struct{}{}
			<-start
			f()
		}()
	}
	for range fs {
		await(t, ready)
	}
	close(start)
	for range fs {
		await(t, done)
	}
}

// locked keeps the test on its thread while it runs.
func locked(t testing.TB) {
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
}

// until waits for what must become true.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !f(); time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "never: %s", what)
	}
}
