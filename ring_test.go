package ste_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func startN(t testing.TB, n int) []*ste.Thread {
	ths := make([]*ste.Thread, n)
	for i := range ths {
		ths[i] = start(t, ste.WithName(fmt.Sprintf("t%d", i)))
	}
	return ths
}

// T11: a ring of 2 to 5 Threads, closed by every kind of waiting call: that call
// gets ErrDeadlock, names every Thread, and its f is not run; the others end
// well.
func TestT11Rings(t *testing.T) {
	ctx := context.Background()
	never := func(t testing.TB) func() { return func() { t.Error("the f of the closing call ran") } }
	closers := map[string]func(t testing.TB, th *ste.Thread) error{
		"Submit":        func(t testing.TB, th *ste.Thread) error { return th.Submit(never(t)) },
		"SubmitContext": func(t testing.TB, th *ste.Thread) error { return th.SubmitContext(ctx, never(t)) },
		"with a deadline": func(t testing.TB, th *ste.Thread) error {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			return th.SubmitContext(ctx, never(t))
		},
		"Call": func(t testing.TB, th *ste.Thread) error {
			_, err := ste.Call(th, func() (int, error) { never(t)(); return 0, nil })
			return err
		},
		"Wait": func(t testing.TB, th *ste.Thread) error {
			fu, err := ste.Async(th, func() (int, error) { return 0, nil })
			require.NoError(t, err)
			_, err = fu.Wait(ctx)
			return err
		},
		"Close":    func(t testing.TB, th *ste.Thread) error { return th.Close() },
		"Shutdown": func(t testing.TB, th *ste.Thread) error { return th.Shutdown(ctx) },
	}
	for name, closer := range closers {
		for n := 2; n <= 5; n++ {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) {
				ths := startN(t, n)
				var got error
				var visit func(i int) error
				visit = func(i int) error {
					return ths[i].Submit(func() {
						if i == n-1 {
							got = closer(t, ths[0])
							return
						}
						assert.NoError(t, visit(i+1))
					})
				}
				returned, v := within(t, func() { assert.NoError(t, visit(0)) })
				require.True(t, returned, v)
				require.ErrorIs(t, got, ste.ErrDeadlock)
				for _, th := range ths {
					require.ErrorContains(t, got, th.Tag().String())
				}
				if name == "Close" || name == "Shutdown" {
					await(t, ths[0].Done()) // the closing was started
				} else {
					require.NoError(t, ths[0].Submit(func() {}))
				}
			})
		}
	}
}

// T11: two Threads that turn to each other at the same instant: exactly one call
// gets the error, the other's f runs, over and over.
func TestT11SameInstant(t *testing.T) {
	ths := startN(t, 2)
	for range rounds(5) {
		b := newBarrier(2)
		var errs [2]error
		var ran [2]bool
		turn := func(i int) func() {
			return func() {
				ths[i].Submit(func() {
					b.wait()
					errs[i] = ths[1-i].Submit(func() { ran[i] = true })
				})
			}
		}
		together(t, turn(0), turn(1))
		lost := 0
		if errs[1] != nil {
			lost = 1
		}
		require.ErrorIs(t, errs[lost], ste.ErrDeadlock)
		require.False(t, ran[lost])
		require.NoError(t, errs[1-lost])
		require.True(t, ran[1-lost])
	}
}

// T11: five Threads that all turn to their neighbour at the same instant.
func TestT11SameInstantFive(t *testing.T) {
	const n = 5
	ths := startN(t, n)
	for range rounds(20) {
		b := newBarrier(n)
		var errs [n]error
		fs := make([]func(), n)
		for i := range fs {
			fs[i] = func() {
				ths[i].Submit(func() {
					b.wait()
					errs[i] = ths[(i+1)%n].Submit(func() {})
				})
			}
		}
		together(t, fs...)
		deadlocks := 0
		for _, err := range errs {
			if errors.Is(err, ste.ErrDeadlock) {
				deadlocks++
			} else {
				require.NoError(t, err)
			}
		}
		require.Equal(t, 1, deadlocks)
	}
}

// T11: waiting on a Thread for an unfinished Future of its own is a ring of one;
// a finished one is fine.
func TestT11OwnFuture(t *testing.T) {
	th := start(t)
	ctx := context.Background()
	var fu *ste.Future[int]
	require.NoError(t, th.Submit(func() {
		fu, _ = ste.Async(th, func() (int, error) { return 7, nil })
		_, err := fu.Wait(ctx)
		require.ErrorIs(t, err, ste.ErrDeadlock)
	}))
	require.NoError(t, th.Submit(func() {
		v, err := fu.Wait(ended())
		require.NoError(t, err)
		require.Equal(t, 7, v)
	}))
}

// T11: a wait is over when f has ended, not when the waiter has noticed: A's
// Submit to B has ended, B's next task turns to A, and that is no ring.
func TestT11NoFalseRing(t *testing.T) {
	ths := startN(t, 2)
	a, b := ths[0], ths[1]
	for range rounds(5) {
		var back error
		require.NoError(t, a.Submit(func() {
			// B's next task is queued before A's own wait begins.
			err := b.Submit(func() {
				require.NoError(t, b.Post(func() { back = a.Submit(func() {}) }))
			})
			if err != nil {
				t.Error(err)
			}
		}))
		require.NoError(t, b.Submit(func() {}))
		require.NoError(t, back)
	}
}

// T11: the same for the end of a Future that A is about to wait for.
func TestT11NoFalseRingByFuture(t *testing.T) {
	ths := startN(t, 2)
	a, b := ths[0], ths[1]
	for range rounds(2) {
		var wait, back error
		require.NoError(t, a.Submit(func() {
			f, err := ste.Async(b, func() (int, error) { return 0, nil })
			assert.NoError(t, err)
			assert.NoError(t, b.Post(func() { back = a.Submit(func() {}) }))
			_, wait = f.Wait(context.Background())
		}))
		require.NoError(t, b.Submit(func() {}))
		require.NoError(t, wait)
		require.NoError(t, back)
	}
}

// T11: a ring that a Post began, so that nobody waits for the first Thread.
func TestT11RingBegunByPost(t *testing.T) {
	for range 20 {
		ths := startN(t, 2)
		a, b := ths[0], ths[1]
		var got error
		done := make(chan struct{})
		require.NoError(t, a.Post(func() {
			defer close(done)
			assert.NoError(t, b.Submit(func() { got = a.Submit(func() {}) }))
		}))
		<-done
		require.ErrorIs(t, got, ste.ErrDeadlock)
	}
}

// T11: a cancelled or dropped wait is over, too.
func TestT11NoFalseRingAfterCancel(t *testing.T) {
	for range rounds(50) {
		ths := startN(t, 2)
		a, b := ths[0], ths[1]
		ctx, cancel := context.WithCancel(context.Background())
		started, gaveUp := make(chan struct{}), make(chan struct{})
		together(t,
			func() {
				b.Submit(func() {
					close(started)
					<-gaveUp // a channel: not a wait that rings see
					assert.NoError(t, a.Submit(func() {}))
				})
			},
			func() {
				<-started
				a.Submit(func() {
					go func() { runtime.Gosched(); cancel() }()
					assert.ErrorIs(t, b.SubmitContext(ctx, func() {}), context.Canceled)
					close(gaveUp)
				})
			},
		)
		a.Close()
		b.Close()
	}
}

// T11: New on a Thread waits for the inits, so it takes part.
func TestT11New(t *testing.T) {
	a := start(t, ste.WithName("a"))
	require.NoError(t, a.Submit(func() {
		_, err := ste.New(ste.WithInit(func() error { return a.Submit(func() {}) }))
		require.ErrorIs(t, err, ste.ErrDeadlock)
	}))
}

// T11: the closing of a Thread that others wait for is no ring while nobody
// waits for the closer.
func TestT11CloseFromAnotherThread(t *testing.T) {
	ths := startN(t, 2)
	require.NoError(t, ths[0].Submit(func() { require.NoError(t, ths[1].Close()) }))
}

// T11: a call between Threads is part of its ring from the moment it is queued,
// not from when its caller gets around to waiting: B, which is busy and takes
// the task at once, may turn back to A before that. (A hang that TestT11Rings
// found.)
func TestT11RingFasterThanItsFirstCall(t *testing.T) {
	ths := startN(t, 2)
	a, b := ths[0], ths[1]
	stop := make(chan struct{})
	flooded := make(chan struct{})
	go func() { // keeps B awake
		defer close(flooded)
		for {
			select {
			case <-stop:
				return
			default:
				b.Post(func() {})
				if rand.IntN(100) == 0 {
					b.Submit(func() {})
				}
			}
		}
	}()
	for range rounds(1) {
		var got, outer error
		returned, v := within(t, func() {
			a.Submit(func() {
				outer = b.Submit(func() { got = a.Submit(func() {}) })
			})
		})
		require.True(t, returned, v)
		require.ErrorIs(t, got, ste.ErrDeadlock)
		require.NoError(t, outer)
	}
	close(stop)
	<-flooded
}

// T11: a call that is refused does not wait and so closes no ring: a parent's
// teardown closes its child, whose last task turns to the parent.
func TestT11RefusedIsNoRing(t *testing.T) {
	var parent *ste.Thread
	var got error
	child := start(t)
	parent = start(t, ste.WithTeardown(func() error {
		child.Post(func() { got = parent.Submit(func() {}) })
		return child.Close()
	}))
	require.NoError(t, parent.Close())
	require.Equal(t, ste.ErrClosed, got)
}

// T11, T13: a call whose ctx has already ended does not wait and so closes no
// ring: Wait says why, Shutdown drops.
func TestT11EndedContextIsNoRing(t *testing.T) {
	ths := startN(t, 2)
	a, b := ths[0], ths[1]
	require.NoError(t, a.Submit(func() {
		fu, err := ste.Async(a, func() (int, error) { return 1, nil })
		require.NoError(t, err)
		_, err = fu.Wait(ended())
		require.Equal(t, context.Canceled, err)
	}))
	require.NoError(t, b.Submit(func() {
		for range 5 {
			require.NoError(t, b.Post(func() { t.Error("dropped, but ran") }))
		}
		require.NoError(t, a.Submit(func() { require.ErrorIs(t, b.Shutdown(ended()), context.Canceled) }))
	}))
	await(t, b.Done())
}

// T11, T13: a Shutdown that would close a ring starts the closing, and its ctx
// still limits the draining.
func TestT11ShutdownKeepsItsLimit(t *testing.T) {
	ths := startN(t, 2)
	ctx, cancel := context.WithCancel(context.Background())
	ran := 0
	require.NoError(t, ths[0].Submit(func() {
		for range 50 {
			require.NoError(t, ths[0].Post(func() {
				if ran++; ran == 1 {
					cancel()
					time.Sleep(50 * time.Millisecond)
				}
				time.Sleep(time.Millisecond)
			}))
		}
		require.NoError(t, ths[1].Submit(func() { require.ErrorIs(t, ths[0].Shutdown(ctx), ste.ErrDeadlock) }))
	}))
	await(t, ths[0].Done())
	require.Less(t, ran, 50)
}

// T7: a wait that is over is forgotten, with what it waited for, however it ended.
func TestT7WaitsAreForgotten(t *testing.T) {
	a := start(t)
	fails := ste.WithInit(func() error { return errors.New("of the init") })
	works := ste.WithInit(func() error { return nil })
	hanging := func() (o *ste.Thread, goOn func()) {
		hang := make(chan struct{})
		o = start(t)
		require.NoError(t, o.Post(func() { <-hang }))
		return o, func() { close(hang) }
	}
	// soon ends when the wait is on record.
	soon := func() context.Context {
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			defer cancel()
			for !ste.Waits(a.Tag()) {
				time.Sleep(10 * time.Microsecond)
			}
		}()
		return ctx
	}
	var made *ste.Thread
	for name, wait := range map[string]func(o *ste.Thread) error{
		"Submit":         func(o *ste.Thread) error { return o.Submit(func() {}) },
		"Close":          func(o *ste.Thread) error { return o.Close() },
		"Shutdown":       func(o *ste.Thread) error { return o.Shutdown(context.Background()) },
		"New":            func(*ste.Thread) (err error) { made, err = ste.New(works); return err },
		"New that fails": func(*ste.Thread) error { ste.New(fails); return nil },
		"SubmitContext": func(*ste.Thread) error {
			o, goOn := hanging()
			defer goOn()
			require.Error(t, o.SubmitContext(soon(), func() {}))
			return nil
		},
		"Shutdown, given up": func(*ste.Thread) error {
			o, goOn := hanging()
			defer goOn()
			require.Error(t, o.Shutdown(soon()))
			return nil
		},
		"Wait": func(o *ste.Thread) error {
			fu, err := ste.Async(o, func() (int, error) { time.Sleep(time.Millisecond); return 1, nil })
			require.NoError(t, err)
			_, err = fu.Wait(context.Background())
			return err
		},
		"Wait, given up": func(*ste.Thread) error {
			o, goOn := hanging()
			defer goOn()
			fu, err := ste.Async(o, func() (int, error) { return 1, nil })
			require.NoError(t, err)
			_, err = fu.Wait(soon())
			require.Error(t, err)
			return nil
		},
		"Close of a Bound": func(o *ste.Thread) error {
			b, _ := bind(t, o)
			return b.Close()
		},
		"Close of a Local": func(o *ste.Thread) error {
			l := ste.NewLocal(func() (int, error) { return 1, nil }, nil)
			require.NoError(t, o.Submit(func() { l.Get() }))
			return l.Close()
		},
	} {
		o := start(t)
		require.NoError(t, a.Submit(func() {
			require.NoError(t, wait(o), name)
			require.False(t, ste.Waits(ste.Current()), name)
		}))
		if made != nil {
			watch(made)
			require.NoError(t, made.Close())
		}
	}
}

// T11: who waits for New waits no more once the inits have run: what the new Thread
// does next may turn to it.
func TestT11NewIsOverAfterTheInits(t *testing.T) {
	a := start(t)
	for range rounds(200) {
		turned := make(chan error, 1)
		var o *ste.Thread
		require.NoError(t, a.Submit(func() {
			var err error
			o, err = ste.New(ste.WithInit(func() error {
				return ste.Current().Thread().Post(func() { turned <- a.Submit(func() {}) })
			}))
			require.NoError(t, err)
		}))
		require.NoError(t, heard(t, turned))
		require.NoError(t, o.Close())
	}
}

// T11: nor does who waits for the end of a Local's value, once that is closed.
func TestT11LocalIsOverAfterItsClose(t *testing.T) {
	a, o := start(t), start(t)
	for range rounds(200) {
		turned := make(chan error, 1)
		l := ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error {
			return o.Post(func() { turned <- a.Submit(func() {}) })
		})
		require.NoError(t, o.Submit(func() { l.Get() }))
		require.NoError(t, a.Submit(func() { require.NoError(t, l.Close()) }))
		require.NoError(t, heard(t, turned))
	}
}
