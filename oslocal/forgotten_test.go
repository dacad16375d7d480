//go:build cgo && (unix || windows)

package oslocal_test

import (
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/ste-go/ste/internal/testkit"
	"github.com/ste-go/ste/oslocal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// O10: an object that nobody holds is closed, on the releasing goroutine.
func TestO10Forgotten(t *testing.T) {
	hold, ready := make(chan struct{}), make(chan struct{})
	var closed atomic.Int64
	for range 3 {
		go onThread(t, func() {
			l, err := oslocal.New(func() (int, error) { return 0, nil }, func(*int) error { closed.Add(1); return nil })
			assert.NoError(t, err)
			l.Get()
			_, err = oslocal.New(func() (int, error) { return 0, nil }, nil) // never used
			assert.NoError(t, err)
			ready <- struct{}{}
			<-hold
		})
		testkit.Await(t, ready)
	}
	testkit.Until(t, "closed", func() bool { runtime.GC(); return closed.Load() == 3 })
	close(hold)
}

// O10: the releasing goroutine is there while an object may have values, and no longer.
func TestO10NoGoroutineLeft(t *testing.T) {
	serving := func() bool { return onStack("oslocal.serve") }
	testkit.Until(t, "no goroutine in the beginning", func() bool { return !serving() })
	l := newLocal(t, func() (int, error) { return 0, nil }, nil)
	require.False(t, serving())
	for range 10 {
		l := newLocal(t, func() (int, error) { return 0, nil }, nil)
		onThread(t, func() { l.Get() })
		require.True(t, serving())
		require.NoError(t, l.Close())
		testkit.Until(t, "no goroutine in the end", func() bool { return !serving() })
	}
	require.NoError(t, l.Close())
}

// O10: in a bubble, nothing of the package's belongs to it that would outlast it.
func TestO10Bubble(t *testing.T) {
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			var closed atomic.Int64
			l, err := oslocal.New(func() (int, error) { return 1, nil }, func(*int) error { closed.Add(1); return nil })
			require.NoError(t, err)
			done := make(chan struct{})
			go func() {
				defer close(done)
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				assert.Equal(t, 1, *l.Get())
			}()
			<-done
			synctest.Wait()
			require.NoError(t, l.Close())
			require.EqualValues(t, 1, closed.Load())
		})
	}
}

// onStack reports whether some goroutine is in a function whose name contains s.
func onStack(s string) bool { return strings.Contains(stacks(), s) }

// blockedIn reports whether some goroutine waits for a mutex in such a function.
func blockedIn(s string) bool {
	for g := range strings.SplitSeq(stacks(), "\n\n") {
		header, frames, _ := strings.Cut(g, "\n")
		if strings.Contains(header, "sync.Mutex.Lock") && strings.Contains(frames, s) {
			return true
		}
	}
	return false
}

func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}
