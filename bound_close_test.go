package ste_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

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
		testkit.Within(t, func() {
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
		"stray locks": {func(int) error { testkit.StrayLocks(40); testkit.StrayUnlocks(60); return oops }, func(err error) {
			require.ErrorIs(t, err, oops)
		}},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			told := make(chan error, 10)
			th := start(t, ste.WithErrorHandler(func(err error) { told <- err }))
			tid := testkit.OSThreadOf(t, th)
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
				way.check(testkit.Await(t, told))
			}

			b = bound()
			runtime.KeepAlive(b)
			b = nil
			require.True(t, testkit.Collect(func() bool { return len(told) > 0 }), "collected")
			way.check(testkit.Await(t, told))

			require.Equal(t, tid, testkit.OSThreadOf(t, th), "same OS thread")
			b = bound()
			way.check(th.Close())
			way.check(b.Close())
			require.Empty(t, told)
		})
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

// T1: closing in the middle of a task leaves the lock count alone, on which the
// task's own coroutines rely. (It once set it right, which ended the process.)
func TestT1BoundClosedBetweenLocks(t *testing.T) {
	for name, init := range map[string]func() error{
		"locked in the task": func() error { return nil },
		"locked in an init":  func() error { runtime.LockOSThread(); return nil },
	} {
		th := start(t, ste.WithInit(init))
		b, h := bind(t, th)
		local := ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error { return nil })
		require.NoError(t, th.Submit(func() {
			local.Get()
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
			require.NoError(t, local.Close())
			if name == "locked in the task" {
				runtime.UnlockOSThread()
			}
			next()
		}), name)
		require.Equal(t, 1, h.closed)
	}
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

// A use that has begun tells its own error, also when that is of a ring and the Bound
// was closed meanwhile.
func TestBoundUseKeepsItsError(t *testing.T) {
	b, _ := bind(t, start(t))
	own := fmt.Errorf("of the use: %w", ste.ErrDeadlock)
	require.Equal(t, own, b.Do(func(*handle) error {
		require.NoError(t, b.Close())
		return own
	}))
	require.Equal(t, ste.ErrClosed, b.Do(func(*handle) error { return own }))
}

// A use of a closed Bound says so at once: it neither waits nor is part of a ring.
func TestClosedBoundIsNoRing(t *testing.T) {
	a, o := start(t), start(t)
	b, _ := bind(t, o)
	require.NoError(t, b.Close())
	var err error
	testkit.Together(t, func() {
		_ = o.Submit(func() { _ = a.Submit(func() { err = b.Do(func(*handle) error { return nil }) }) })
	})
	require.Equal(t, ste.ErrClosed, err)
}

// B2, T6: a close that suspends in an iterator, which a later task goes on with, leaves the
// job that runs then alone. (Put back whole, the ended job was ended twice, and the later
// one never.)
func TestB2CloseThatSuspends(t *testing.T) {
	th := start(t)
	var next func() (int, bool)
	require.NoError(t, th.Post(func() {
		next, _ = iter.Pull(func(yield func(int) bool) {
			b, err := ste.Bind(th, func() (int, error) { return 0, nil }, func(int) error { yield(1); return nil })
			if err == nil {
				_ = b.Close()
			}
		})
		next()
	}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		th.Submit(func() { next(); runtime.Goexit() })
	}()
	testkit.Await(t, done)
	require.NoError(t, th.Submit(func() { require.Zero(t, th.RunPending()) }))
}
