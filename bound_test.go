package ste_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste"
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
	await(t, ran)
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
	_, value := within(t, func() {
		_, _ = ste.Bind(th, func() (int, error) { panic("oh") }, never)
	})
	require.IsType(t, &ste.PanicError{}, value)
	returned, value := within(t, func() {
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
	for i := range rounds(20) {
		th, err := ste.New(ste.WithWaitStrategy(ste.WaitStrategy(i % 3)))
		require.NoError(t, err)
		watch(th)
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
		together(t, fs...)
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
	require.True(t, ste.Collect(func() bool { return closed.Load() == many }))
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
	require.True(t, ste.Collect(func() bool {
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
		await(t, ran)
		await(t, returned)
		require.True(t, ste.Collect(func() (closed bool) {
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

// B2: from elsewhere, uses accepted before Close still run before close; also
// one that waits alone, beside the queue. In a bubble it is known when a use has
// been accepted.
func TestB2UsesBeforeClose(t *testing.T) {
	for uses := range 4 {
		for posted := range 2 {
			synctest.Test(t, func(t *testing.T) {
				th, err := ste.New()
				require.NoError(t, err)
				b, h := bind(t, th)
				hold := make(chan struct{})
				require.NoError(t, th.Post(func() { <-hold }))
				synctest.Wait()
				ran := 0
				for range posted {
					require.NoError(t, b.Post(func(v *handle) { v.check("Post"); ran++ }))
				}
				for range uses {
					go func() {
						if err := b.Do(func(v *handle) error { v.check("Do"); ran++; return nil }); err != nil {
							t.Error(err)
						}
					}()
					synctest.Wait()
				}
				go func() {
					if err := b.Close(); err != nil {
						t.Error(err)
					}
				}()
				synctest.Wait()
				close(hold)
				synctest.Wait()
				require.Equal(t, uses+posted, ran)
				require.Equal(t, 1, h.closed)
				require.NoError(t, th.Close())
			})
		}
	}
}

// B2: on the Thread close runs at once; uses still queued do not run.
func TestB2CloseOnTheThread(t *testing.T) {
	th := start(t)
	b, h := bind(t, th)
	waiting := make(chan error, 1)
	require.NoError(t, th.Submit(func() {
		require.NoError(t, b.Post(func(*handle) { t.Error("a Post ran") }))
		f, err := ste.Async(th, func() (struct{}, error) {
			return ste.Use(b, func(*handle) (struct{}, error) { t.Error("a Use ran"); return struct{}{}, nil })
		})
		require.NoError(t, err)
		go func() {
			_, err := f.Wait(context.Background())
			waiting <- err
		}()
		require.NoError(t, b.Close())
		require.Equal(t, 1, h.closed)
		require.Equal(t, ste.ErrClosed, b.Do(func(*handle) error { t.Error("ran"); return nil }))
	}))
	require.Equal(t, ste.ErrClosed, <-waiting)
}

// B2: inside the Bound's own use it runs when the outermost use returns, in
// whatever way that is; and Close inside of close returns at once.
func TestB2CloseInsideUse(t *testing.T) {
	th := start(t)
	for name, end := range map[string]func(){"return": func() {}, "panic": func() { panic("oh") }, "Goexit": runtime.Goexit} {
		b, h := bind(t, th)
		within(t, func() {
			_ = b.Do(func(*handle) error {
				_ = b.Do(func(*handle) error {
					require.NoError(t, b.Close())
					require.Equal(t, ste.ErrClosed, b.Do(func(*handle) error { t.Error("ran"); return nil }))
					return nil
				})
				require.Zero(t, h.closed, name)
				end()
				return nil
			})
		})
		require.NoError(t, b.Close())
		require.Equal(t, 1, h.closed, name)
	}

	var b *ste.Bound[int]
	n := 0
	b, err := ste.Bind(th, func() (int, error) { return 0, nil }, func(int) error {
		n++
		require.NoError(t, b.Close())
		require.Equal(t, ste.ErrClosed, b.Do(func(int) error { t.Error("ran"); return nil }))
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, b.Close())
	require.Equal(t, 1, n)
}

// B1, B2: a close that returns an error, panics or exits is reported, the same to
// every Close, or to the handler if nobody asks; and the Thread goes on.
func TestB2CloseEndsBadly(t *testing.T) {
	oops := errors.New("oops")
	ways := map[string]struct {
		close func(int) error
		check func(err error)
	}{
		"error": {func(int) error { return oops }, func(err error) { require.ErrorIs(t, err, oops) }},
		"panic": {func(int) error { panic(oops) }, func(err error) {
			var pe *ste.PanicError
			require.ErrorAs(t, err, &pe)
			require.Contains(t, string(pe.Stack), "TestB2CloseEndsBadly")
			require.ErrorIs(t, err, oops)
		}},
		"Goexit": {func(int) error { runtime.Goexit(); return nil }, func(err error) {
			require.ErrorContains(t, err, "called runtime.Goexit")
		}},
		"Goexit that panics": {func(int) error {
			defer func() { panic(oops) }()
			runtime.Goexit()
			return nil
		}, func(err error) { require.ErrorIs(t, err, oops) }},
		"stray locks": {func(int) error { strayLocks(40); strayUnlocks(60); return oops }, func(err error) {
			require.ErrorIs(t, err, oops)
		}},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			told := make(chan error, 10)
			th := start(t, ste.WithErrorHandler(func(err error) { told <- err }))
			tid := tidOf(t, th)
			bound := func() *ste.Bound[int] {
				b, err := ste.Bind(th, func() (int, error) { return 1, nil }, way.close)
				require.NoError(t, err)
				return b
			}
			b := bound()
			err := b.Close()
			way.check(err)
			require.Equal(t, err, b.Close())

			if name != "stray locks" { // which in the middle of a task must not be
				b = bound()
				require.NoError(t, th.Submit(func() { err = b.Close() }), "on the Thread")
				way.check(err)
				require.Equal(t, err, b.Close())
				require.Empty(t, told)

				b = bound()
				require.NoError(t, b.Do(func(int) error { return b.Close() }), "in its own use")
				way.check(heard(t, told))
			}

			b = bound()
			runtime.KeepAlive(b)
			b = nil
			require.True(t, ste.Collect(func() bool { return len(told) > 0 }), "collected")
			way.check(heard(t, told))

			require.Equal(t, tid, tidOf(t, th), "same OS thread")
			b = bound()
			way.check(th.Close())
			way.check(b.Close())
			require.Empty(t, told)
		})
	}
}

func heard(t *testing.T, told chan error) error {
	select {
	case err := <-told:
		return err
	case <-time.After(*patienceFlag):
		t.Fatal("the error was lost")
		return nil
	}
}

// T13: what the Thread owns is released newest first, before the teardowns; what
// those bind, after each.
func TestT13ReleasesBounds(t *testing.T) {
	var order []string
	var th *ste.Thread
	add := func(name string) *ste.Bound[string] {
		b, err := ste.Bind(th, func() (string, error) { return name, nil }, func(s string) error {
			order = append(order, s)
			return errors.New(s)
		})
		require.NoError(t, err)
		return b
	}
	th, err := ste.New(
		ste.WithTeardown(func() error { order = append(order, "first teardown"); return nil }),
		ste.WithTeardown(func() error { add("bound in a teardown"); order = append(order, "second teardown"); return nil }),
	)
	require.NoError(t, err)
	watch(th)
	kept := []*ste.Bound[string]{add("one"), add("two"), add("three")}
	require.ErrorContains(t, kept[1].Close(), "two")
	require.EqualError(t, th.Close(), "three\none\nbound in a teardown")
	require.Equal(t, []string{"two", "three", "one", "second teardown", "bound in a teardown", "first teardown"}, order)
	runtime.KeepAlive(kept)
}

// T11: Bind, Do, Use and Close of a Bound take part in rings.
func TestT11Bounds(t *testing.T) {
	a, b := start(t), start(t)
	onB, h := bind(t, b)
	for name, call := range map[string]func() error{
		"Bind": func() error {
			_, err := ste.Bind(b, func() (int, error) { return 0, nil }, func(int) error { return nil })
			return err
		},
		"Do":  func() error { return onB.Do(func(*handle) error { return nil }) },
		"Use": func() error { _, err := ste.Use(onB, func(*handle) (int, error) { return 0, nil }); return err },
	} {
		together(t, func() {
			_ = b.Submit(func() {
				_ = a.Submit(func() {
					if err := call(); !errors.Is(err, ste.ErrDeadlock) {
						t.Errorf("%s: %v", name, err)
					}
				})
			})
		})
	}
	require.Zero(t, h.closed)
	together(t, func() {
		_ = b.Submit(func() {
			_ = a.Submit(func() {
				if err := onB.Close(); !errors.Is(err, ste.ErrDeadlock) {
					t.Errorf("Close: %v", err)
				}
			})
		})
	})
	for range 3 { // the closing has been started all the same, and takes two steps
		require.NoError(t, b.Submit(func() {}))
	}
	require.Equal(t, 1, h.closed)
	require.NoError(t, onB.Close())
}

// T14: a Bound keeps its Thread, as long as somebody holds it.
func TestT14BoundKeepsItsThread(t *testing.T) {
	var ended atomic.Bool
	th, err := ste.New(ste.WithTeardown(func() error { ended.Store(true); return nil }))
	require.NoError(t, err)
	watch(th)
	b, h := bind(t, th)
	th = nil
	for range 10 {
		runtime.GC()
	}
	require.NoError(t, b.Do(func(v *handle) error { v.check("Do"); return nil }))
	require.False(t, ended.Load())
	runtime.KeepAlive(b)
	b = nil
	require.True(t, ste.Collect(ended.Load))
	require.Equal(t, 1, h.closed)
}

// T16: in a bubble, and from a bubble with a Thread outside.
func TestT16Bounds(t *testing.T) {
	outside := start(t)
	synctest.Test(t, func(t *testing.T) {
		th, err := ste.New()
		require.NoError(t, err)
		b, h := bind(t, th)
		require.NoError(t, b.Do(func(*handle) error { time.Sleep(time.Hour); return nil }))
		require.NoError(t, b.Close())
		_, left := bind(t, th)
		require.NoError(t, th.Close())
		require.Equal(t, 2, h.closed+left.closed)
	})
	synctest.Test(t, func(t *testing.T) { // the collector leaves it alone
		th, err := ste.New()
		require.NoError(t, err)
		_, h := bind(t, th)
		for range 10 {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
		require.Zero(t, h.closed)
		require.NoError(t, th.Close())
		require.Equal(t, 1, h.closed)
	})
	var kept *ste.Bound[*handle]
	synctest.Test(t, func(t *testing.T) {
		var h *handle
		kept, h = bind(t, outside)
		b, _ := bind(t, outside)
		require.NoError(t, b.Close())
		require.NoError(t, kept.Do(func(v *handle) error { v.check("Do"); return nil }))
		require.Zero(t, h.closed)
	})
	require.NoError(t, kept.Close())
}

// T8: nil functions, nil and zero Bounds are refused at the call.
func TestT8Bounds(t *testing.T) {
	th := start(t)
	b, _ := bind(t, th)
	var none *ste.Bound[int]
	var zero ste.Bound[int]
	open := func() (int, error) { return 0, nil }
	for call, f := range map[string]func(){
		"Bind with a nil open func":  func() { _, _ = ste.Bind(th, nil, func(int) error { return nil }) },
		"Bind with a nil close func": func() { _, _ = ste.Bind(th, open, nil) },
		"Bind of a nil Thread":       func() { _, _ = ste.Bind((*ste.Thread)(nil), open, func(int) error { return nil }) },
		"Do with a nil func":         func() { _ = b.Do(nil) },
		"Post with a nil func":       func() { _ = b.Post(nil) },
		"Use with a nil func":        func() { _, _ = ste.Use[*handle, int](b, nil) },
		"Close of a nil Bound":       func() { _ = none.Close() },
		"Do of the zero Bound":       func() { _ = zero.Do(func(int) error { return nil }) },
		"Thread of the zero Bound":   func() { zero.Thread() },
	} {
		_, value := within(t, f)
		require.Contains(t, value, "ste: "+call)
	}
}

// T7: a closed Bound keeps neither the value nor close.
func TestT7Bounds(t *testing.T) {
	th := start(t)
	var gone atomic.Int64
	mark := func() *[100]byte {
		v := new([100]byte)
		runtime.AddCleanup(v, func(int) { gone.Add(1) }, 0)
		return v
	}
	closes := func(own *[100]byte) func(*[100]byte) error {
		return func(*[100]byte) error { own[0]++; return nil }
	}
	b, err := ste.Bind(th, func() (*[100]byte, error) { return mark(), nil }, closes(mark()))
	require.NoError(t, err)
	require.NoError(t, b.Close())
	require.True(t, ste.Collect(func() bool { return gone.Load() == 2 }))
	runtime.KeepAlive(b)
}

// T1: closing in the middle of a task leaves the lock count alone, on which the
// task's own coroutines rely. (It once set it right, which ended the process.)
func TestT1BoundClosedBetweenLocks(t *testing.T) {
	for name, init := range map[string]func() error{
		"locked in the task": func() error { return nil },
		"locked in an init":  func() error { runtime.LockOSThread(); return nil },
	} {
		th := start(t, ste.WithInit(init))
		b, h := bind(t, th)
		require.NoError(t, th.Submit(func() {
			next, stop := iter.Pull(func(yield func(int) bool) {
				for yield(1) {
				}
			})
			defer stop()
			next()
			if name == "locked in the task" {
				runtime.LockOSThread()
			}
			require.NoError(t, b.Close())
			if name == "locked in the task" {
				runtime.UnlockOSThread()
			}
			next()
		}), name)
		require.Equal(t, 1, h.closed)
	}
}

// B2: a use that waits alone beside the queue, while posts are queued that the
// closing could join, still comes first. (It did not.)
func TestB2LoneUseBeforeClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th, err := ste.New()
		require.NoError(t, err)
		b, h := bind(t, th)
		first, second := make(chan struct{}), make(chan struct{})
		go func() { _ = th.Submit(func() { <-first }) }()
		synctest.Wait()
		_, err = ste.Async(th, func() (int, error) { <-second; return 0, nil })
		require.NoError(t, err)
		require.NoError(t, th.Post(func() {}))
		close(first)
		synctest.Wait()
		used, closed := make(chan error, 1), make(chan error, 1)
		go func() { used <- b.Do(func(v *handle) error { v.check("Do"); return nil }) }()
		synctest.Wait()
		go func() { closed <- b.Close() }()
		synctest.Wait()
		close(second)
		require.NoError(t, <-used)
		require.NoError(t, <-closed)
		require.Equal(t, 1, h.closed)
		require.NoError(t, th.Close())
	})
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
	watch(th)
	fu, err := ste.Async(th, func() (int, error) { panic("nobody takes it") })
	require.NoError(t, err)
	require.NoError(t, th.Close())
	runtime.KeepAlive(fu)
	require.NotNil(t, b)
	require.Equal(t, 1, h.closed)
	together(t, func() { _ = b.Close() })
}

// T11: a Close that comes as the Bound has just been closed waits for nobody. (It
// once saw a ring that was not there.)
func TestT11NoFalseRingByBound(t *testing.T) {
	a, o := start(t), start(t)
	for range rounds(50) { // the exploration finds it at once, this in one of 50,000
		b, _ := bind(t, o)
		together(t, func() {
			_ = a.Submit(func() {
				if err := b.Close(); err != nil {
					t.Errorf("a false ring: %v", err)
				}
			})
		}, func() {
			_ = o.Submit(func() {
				_ = b.Close()
				if err := a.Submit(func() {}); err != nil && !errors.Is(err, ste.ErrDeadlock) {
					t.Error(err)
				}
			})
		})
	}
}

// A use of a closed Bound says so at once: it neither waits nor is part of a ring.
func TestClosedBoundIsNoRing(t *testing.T) {
	a, o := start(t), start(t)
	b, _ := bind(t, o)
	require.NoError(t, b.Close())
	var err error
	together(t, func() {
		_ = o.Submit(func() { _ = a.Submit(func() { err = b.Do(func(*handle) error { return nil }) }) })
	})
	require.Equal(t, ste.ErrClosed, err)
}

// T8: panic(nil) in close, with the old meaning of recover.
func TestT8BoundPanicNil(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	th := start(t)
	b, err := ste.Bind(th, func() (int, error) { return 0, nil }, func(int) error { panic(nil) })
	require.NoError(t, err)
	var pe *ste.PanicError
	require.ErrorAs(t, b.Close(), &pe)
}
