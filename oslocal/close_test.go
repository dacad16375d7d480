//go:build cgo && (unix || windows)

package oslocal_test

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/ste-go/ste/internal/testkit"
	"github.com/ste-go/ste/oslocal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// O6: Close closes all threads' values once, with the errors joined, and what
// comes after is told so.
func TestO6Close(t *testing.T) {
	var open, closed atomic.Int64
	l := newLocal(t, func() (int64, error) { return open.Add(1), nil }, func(v *int64) error {
		closed.Add(1)
		switch *v {
		case 2:
			return errTest
		case 3:
			panic(os.ErrPermission)
		case 4:
			runtime.Goexit()
		}
		return nil
	})
	hold, held := make(chan struct{}), make(chan struct{})
	var ends []chan struct{}
	for range 6 {
		end := make(chan struct{})
		ends = append(ends, end)
		go func() {
			defer close(end)
			runtime.LockOSThread()
			l.Get()
			held <- struct{}{}
			<-hold
			_, err := l.TryGet()
			assert.ErrorIs(t, err, fs.ErrClosed)
			_, ok := l.Take()
			assert.False(t, ok)
		}()
		testkit.Await(t, held)
	}
	err := l.Close()
	require.EqualValues(t, 6, closed.Load())
	require.ErrorIs(t, err, errTest)
	require.ErrorIs(t, err, os.ErrPermission)
	require.ErrorContains(t, err, "close panicked: permission denied")
	require.ErrorContains(t, err, "called runtime.Goexit")
	require.NoError(t, l.Close())
	close(hold)
	for _, end := range ends {
		testkit.Await(t, end)
	}
	l.Each(func(*int64) { t.Error("a value is left") })
	require.EqualValues(t, 6, closed.Load())
}

// O6: Close races with threads that come, use, and end: each value that was opened
// is closed once, when Close has returned and the threads are gone.
func TestO6CloseRace(t *testing.T) {
	for range testkit.Rounds(10) {
		var open, closed atomic.Int64
		l := newLocal(t, func() (*atomic.Bool, error) { open.Add(1); return new(atomic.Bool), nil }, func(v **atomic.Bool) error {
			if (*v).Swap(true) {
				t.Error("closed twice")
			}
			closed.Add(1)
			return nil
		})
		user := func() {
			for range 20 {
				v, err := l.TryGet()
				if err != nil {
					assert.ErrorIs(t, err, oslocal.ErrClosed)
					return
				}
				_ = v
				if v, ok := l.Take(); ok {
					(*v).Store(true)
					closed.Add(1)
				}
				l.TryGet()
				l.Each(func(**atomic.Bool) {})
			}
		}
		closer := func() { assert.NoError(t, l.Close()) }
		together(t, user, user, closer, user, closer)
		require.Equal(t, open.Load(), closed.Load())
	}
}

// O6: Close waits for the releasing goroutine, also if that is at a value.
func TestO6CloseWaitsForTheReleasing(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	var over atomic.Bool
	l := newLocal(t, func() (int, error) { return 0, nil }, func(*int) error {
		close(begun)
		<-goOn
		over.Store(true)
		return nil
	})
	onThread(t, func() { l.Get() })
	testkit.Await(t, begun)
	done := make(chan struct{})
	go func() {
		defer close(done)
		assert.NoError(t, l.Close())
		assert.True(t, over.Load())
	}()
	testkit.Until(t, "Close waits, or is done", func() bool {
		select {
		case <-done:
			return true
		default:
			return onStack("awaitRelease")
		}
	})
	close(goOn)
	testkit.Await(t, done)
}

// O6: Close in a close function, of the same object and of another.
func TestO6CloseInClose(t *testing.T) {
	for _, byEnd := range []bool{true, false} {
		done := make(chan error, 2)
		var a, b *oslocal.Local[int]
		a = newLocal(t, func() (int, error) { return 0, nil }, func(*int) error {
			done <- errors.Join(a.Close(), b.Close())
			return nil
		})
		b = newLocal(t, func() (int, error) { return 0, nil }, func(*int) error { done <- errTest; return nil })
		onThread(t, func() {
			b.Get()
			a.Get()
			if !byEnd {
				assert.NoError(t, a.Close())
			}
		})
		require.ErrorIs(t, testkit.Await(t, done), errTest)
		require.NoError(t, testkit.Await(t, done))
	}
}

// O6: a Close that finds a thread in open.
func TestO6CloseDuringOpen(t *testing.T) {
	var l *oslocal.Local[int]
	closed := 0
	l = newLocal(t, func() (int, error) { return 1, l.Close() }, func(*int) error { closed++; return errTest })
	onThread(t, func() {
		_, err := l.TryGet()
		assert.ErrorIs(t, err, oslocal.ErrClosed)
		assert.ErrorIs(t, err, errTest)
		assert.Equal(t, 1, closed)
	})
}
