package ste_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// A handle stands for what a C library hands out. It notices every misuse.
type handle struct {
	t      testing.TB
	home   ste.Tag
	opened int
	closed int
}

func (h *handle) open() (*handle, error) {
	h.home = ste.Current()
	h.opened++
	return h, nil
}

func (h *handle) check(call string) {
	if !h.home.OnThread() {
		h.t.Errorf("%s off the Thread", call)
	}
	if h.closed > 0 {
		h.t.Errorf("%s after close", call)
	}
}

func (h *handle) close(*handle) error {
	h.check("close")
	h.closed++
	return nil
}

func bind(t testing.TB, th *ste.Thread) (*ste.Bound[*handle], *handle) {
	t.Helper()
	h := &handle{t: t}
	b, err := ste.Bind(th, h.open, h.close)
	require.NoError(t, err)
	return b, h
}

// B1: open, every f and close run on the owner.
func TestB1OnTheOwner(t *testing.T) {
	th := start(t)
	b, h := bind(t, th)
	require.Same(t, th, b.Thread())
	require.Equal(t, th.Tag(), h.home)
	oops := errors.New("oops")
	require.Equal(t, oops, b.Do(func(v *handle) error { v.check("Do"); return oops }))
	n, err := ste.Use(b, func(v *handle) (int, error) { v.check("Use"); return 7, oops })
	require.Equal(t, 7, n)
	require.Equal(t, oops, err)
	ran := make(chan struct{})
	require.NoError(t, b.Post(func(v *handle) { v.check("Post"); close(ran) }))
	testkit.Await(t, ran)
	require.NoError(t, th.Submit(func() { // in place
		require.NoError(t, b.Do(func(v *handle) error { v.check("Do"); return nil }))
	}))

	require.NoError(t, b.Close())
	require.NoError(t, b.Close())
	require.Equal(t, 1, h.closed)
	require.Equal(t, ste.ErrClosed, b.Do(func(*handle) error { t.Error("ran"); return nil }))
	require.Equal(t, ste.ErrClosed, b.Post(func(*handle) { t.Error("ran") }))
	_, err = ste.Use(b, func(*handle) (int, error) { t.Error("ran"); return 0, nil })
	require.Equal(t, ste.ErrClosed, err)
	require.NoError(t, th.Submit(func() {}), "the Thread goes on")
}

// B1: if open fails, in whatever way, close does not run.
func TestB1OpenFails(t *testing.T) {
	th := start(t)
	never := func(int) error { t.Error("closed"); return nil }
	oops := errors.New("oops")
	b, err := ste.Bind(th, func() (int, error) { return 0, oops }, never)
	require.Equal(t, oops, err)
	require.Nil(t, b)
	_, value := testkit.Within(t, func() {
		_, _ = ste.Bind(th, func() (int, error) { panic("oh") }, never)
	})
	require.IsType(t, &ste.PanicError{}, value)
	returned, value := testkit.Within(t, func() {
		_, _ = ste.Bind(th, func() (int, error) { runtime.Goexit(); return 0, nil }, never)
	})
	require.False(t, returned)
	require.Nil(t, value)
	require.NoError(t, th.Close())
	_, err = ste.Bind(th, func() (int, error) { t.Error("opened"); return 0, nil }, never)
	require.Equal(t, ste.ErrClosed, err)
}

// B1: exactly one close, whoever asks for it at the same time: many Closes, from
// the Thread itself too, uses, the Thread's own Close or Shutdown.
func TestB1ClosedOnce(t *testing.T) {
	for i := range testkit.Rounds(20) {
		th, err := ste.New(ste.WithWaitStrategy(ste.WaitStrategy(i % 3)))
		require.NoError(t, err)
		testkit.Watch(th)
		oops := errors.New("oops")
		h := &handle{t: t}
		b, err := ste.Bind(th, h.open, func(v *handle) error { _ = h.close(v); return oops })
		require.NoError(t, err)
		var ran, refused atomic.Int64
		use := func() {
			switch err := b.Do(func(v *handle) error { v.check("Do"); ran.Add(1); return nil }); {
			case err != nil && !errors.Is(err, ste.ErrClosed):
				t.Error(err)
			case err != nil:
				refused.Add(1)
			}
		}
		closing := func() {
			if err := b.Close(); err != oops {
				t.Errorf("Close: %v", err)
			}
		}
		fs := []func(){use, use, use, closing, closing, func() {
			if err := th.Submit(func() {
				if err := b.Close(); err != oops {
					t.Errorf("Close on the Thread: %v", err)
				}
			}); err != nil && !errors.Is(err, ste.ErrClosed) {
				t.Error(err)
			}
		}}
		if i%4 > 0 {
			fs = append(fs, func() { _ = b.Post(func(v *handle) { v.check("Post") }) })
		}
		switch i % 3 {
		case 1:
			fs = append(fs, func() { _ = th.Close() })
		case 2:
			ended, cancel := context.WithCancel(context.Background())
			cancel()
			fs = append(fs, func() { _ = th.Shutdown(ended) })
		}
		testkit.Together(t, fs...)
		require.NoError(t, ignore(th.Close(), oops))
		require.Equal(t, 1, h.closed)
		require.EqualValues(t, 3, ran.Load()+refused.Load())
		require.Equal(t, oops, b.Close(), "the same as before")
	}
}

func ignore(err, known error) error {
	if errors.Is(err, known) {
		return nil
	}
	return err
}

// B1: an unreachable Bound is closed on its Thread, never on the collector's
// goroutine.
func TestB1Unreachable(t *testing.T) {
	th := start(t)
	var closed atomic.Int64
	home := th.Tag()
	const many = 50
	for range many {
		_, err := ste.Bind(th, func() (int, error) { return 1, nil }, func(int) error {
			home.Check()
			closed.Add(1)
			return nil
		})
		require.NoError(t, err)
	}
	require.True(t, testkit.Collect(func() bool { return closed.Load() == many }))
	require.NoError(t, th.Close())
	require.EqualValues(t, many, closed.Load())
}

// B1: one that is unreachable on a Thread that has ended breaks nothing.
func TestB1UnreachableAfterTheEnd(t *testing.T) {
	th := start(t)
	b, h := bind(t, th)
	gone := make(chan struct{})
	runtime.AddCleanup(b, func(c chan struct{}) { close(c) }, gone)
	require.NoError(t, th.Close())
	require.Equal(t, 1, h.closed)
	runtime.KeepAlive(b)
	b = nil
	require.True(t, testkit.Collect(func() bool {
		select {
		case <-gone:
			return true
		default:
			return false
		}
	}))
	require.Equal(t, 1, h.closed)
}

// B1: a Bound in use is reachable until the use ends, also while that is queued.
func TestB1InUseIsKept(t *testing.T) {
	th := start(t)
	for name, use := range map[string]func(b *ste.Bound[*handle], f func(*handle)) error{
		"Do": func(b *ste.Bound[*handle], f func(*handle)) error {
			return b.Do(func(v *handle) error { f(v); return nil })
		},
		"Post": func(b *ste.Bound[*handle], f func(*handle)) error { return b.Post(f) },
	} {
		hold, ran, returned := make(chan struct{}), make(chan struct{}), make(chan struct{})
		var gone atomic.Bool
		require.NoError(t, th.Post(func() { <-hold }))
		require.NoError(t, th.Post(func() {}))
		var h *handle
		go func() {
			defer close(returned)
			b := opened(t, th, hold, &h)
			runtime.AddCleanup(b, func(*atomic.Bool) { gone.Store(true) }, &gone)
			if err := use(b, func(v *handle) {
				v.check(name)
				for range 5 {
					runtime.GC()
				}
				time.Sleep(time.Millisecond)
				if gone.Load() {
					t.Errorf("garbage while %s runs", name)
				}
				close(ran)
			}); err != nil {
				t.Error(err)
			}
		}()
		testkit.Await(t, ran)
		testkit.Await(t, returned)
		require.True(t, testkit.Collect(func() (closed bool) {
			_ = th.Submit(func() { closed = h.closed == 1 })
			return closed
		}), "and garbage after it")
	}
}

// opened binds a handle and then holds the Thread up until some collections have
// been made.
func opened(t *testing.T, th *ste.Thread, hold chan struct{}, h **handle) *ste.Bound[*handle] {
	close(hold)
	*h = &handle{t: t}
	b, err := ste.Bind(th, (*h).open, (*h).close)
	if err != nil {
		t.Error(err)
	}
	busy, collected := make(chan struct{}), make(chan struct{})
	if err := th.Post(func() { close(busy); <-collected }); err != nil {
		t.Error(err)
	}
	<-busy
	time.AfterFunc(time.Millisecond, func() {
		for range 5 {
			runtime.GC()
		}
		time.Sleep(time.Millisecond)
		close(collected)
	})
	return b
}

// B1: what the error handler binds at the very end is closed all the same. (It was
// not, and Close waited for ever.)
func TestB1BoundAtTheVeryEnd(t *testing.T) {
	var th *ste.Thread
	var b *ste.Bound[*handle]
	h := &handle{t: t}
	th, err := ste.New(ste.WithErrorHandler(func(error) {
		if b == nil {
			b, _ = ste.Bind(th, h.open, h.close)
		}
	}))
	require.NoError(t, err)
	testkit.Watch(th)
	fu, err := ste.Async(th, func() (int, error) { panic("nobody takes it") })
	require.NoError(t, err)
	require.NoError(t, th.Close())
	runtime.KeepAlive(fu)
	require.NotNil(t, b)
	require.Equal(t, 1, h.closed)
	testkit.Together(t, func() { _ = b.Close() })
}

// Post says why the Thread has not taken the use.
func TestBoundPostRefused(t *testing.T) {
	th := start(t, ste.WithQueueLimit(1))
	b, _ := bind(t, th)
	begun, hang := make(chan struct{}), make(chan struct{})
	require.NoError(t, th.Post(func() { close(begun); <-hang }))
	<-begun
	require.NoError(t, th.Post(func() {}))
	require.ErrorIs(t, b.Post(func(*handle) {}), ste.ErrQueueFull)
	close(hang)
	require.NoError(t, th.Close())
	require.ErrorIs(t, b.Post(func(*handle) {}), ste.ErrClosed)
}
