package oslocal_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/ste-go/ste/internal/testkit"
	"github.com/ste-go/ste/oslocal"
	"github.com/stretchr/testify/require"
)

// The process's first thread stays the main goroutine's: Go parks it for ever, and
// does not end it, when a goroutine ends that is locked to it.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) { testkit.Main(m) }

// runChild runs a scenario in a process of its own, and returns its output.
func runChild(t *testing.T, name string, env ...string) string {
	t.Helper()
	out, code := testkit.RunChild(t, name, env...)
	require.Zero(t, code, out)
	return out
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
	testkit.Await(t, done)
}

// together runs the functions on locked goroutines, released together, and waits
// for all of them.
func together(t testing.TB, fs ...func()) {
	t.Helper()
	b := testkit.NewBarrier(len(fs))
	var all sync.WaitGroup
	for _, f := range fs {
		all.Add(1)
		go func() {
			defer all.Done()
			runtime.LockOSThread()
			b.Wait()
			f()
		}()
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	testkit.Await(t, done)
}

// locked keeps the test on its thread while it runs.
func locked(t testing.TB) {
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
}
