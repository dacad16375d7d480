package ste_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// T11: a wait is over when f has ended, not when the waiter has noticed: A's
// Submit to B has ended, B's next task turns to A, and that is no ring.
func TestT11NoFalseRing(t *testing.T) {
	ths := startN(t, 2)
	a, b := ths[0], ths[1]
	for range testkit.Rounds(5) {
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
	for range testkit.Rounds(2) {
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

// T11: a cancelled or dropped wait is over, too.
func TestT11NoFalseRingAfterCancel(t *testing.T) {
	for range testkit.Rounds(50) {
		ths := startN(t, 2)
		a, b := ths[0], ths[1]
		ctx, cancel := context.WithCancel(context.Background())
		started, gaveUp := make(chan struct{}), make(chan struct{})
		testkit.Together(t,
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
		_, err = fu.Wait(testkit.Ended())
		require.Equal(t, context.Canceled, err)
	}))
	require.NoError(t, b.Submit(func() {
		for range 5 {
			require.NoError(t, b.Post(func() { t.Error("dropped, but ran") }))
		}
		require.NoError(t, a.Submit(func() { require.ErrorIs(t, b.Shutdown(testkit.Ended()), context.Canceled) }))
	}))
	testkit.Await(t, b.Done())
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
			testkit.Watch(made)
			require.NoError(t, made.Close())
		}
	}
}

// T11: who waits for New waits no more once the inits have run: what the new Thread
// does next may turn to it.
func TestT11NewIsOverAfterTheInits(t *testing.T) {
	a := start(t)
	for range testkit.Rounds(200) {
		turned := make(chan error, 1)
		var o *ste.Thread
		require.NoError(t, a.Submit(func() {
			var err error
			o, err = ste.New(ste.WithInit(func() error {
				return ste.Current().Thread().Post(func() { turned <- a.Submit(func() {}) })
			}))
			require.NoError(t, err)
		}))
		require.NoError(t, testkit.Await(t, turned))
		require.NoError(t, o.Close())
	}
}

// T11: nor does who waits for the end of a Local's value, once that is closed.
func TestT11LocalIsOverAfterItsClose(t *testing.T) {
	a, o := start(t), start(t)
	for range testkit.Rounds(200) {
		turned := make(chan error, 1)
		l := ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error {
			return o.Post(func() { turned <- a.Submit(func() {}) })
		})
		require.NoError(t, o.Submit(func() { l.Get() }))
		require.NoError(t, a.Submit(func() { require.NoError(t, l.Close()) }))
		require.NoError(t, testkit.Await(t, turned))
	}
}
