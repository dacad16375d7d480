package ste_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
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
				returned, v := testkit.Within(t, func() { assert.NoError(t, visit(0)) })
				require.True(t, returned, v)
				require.ErrorIs(t, got, ste.ErrDeadlock)
				for _, th := range ths {
					require.ErrorContains(t, got, th.Tag().String())
				}
				if name == "Close" || name == "Shutdown" {
					testkit.Await(t, ths[0].Done()) // the closing was started
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
	for range testkit.Rounds(5) {
		b := testkit.NewBarrier(2)
		var errs [2]error
		var ran [2]bool
		turn := func(i int) func() {
			return func() {
				ths[i].Submit(func() {
					b.Wait()
					errs[i] = ths[1-i].Submit(func() { ran[i] = true })
				})
			}
		}
		testkit.Together(t, turn(0), turn(1))
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
	for range testkit.Rounds(20) {
		b := testkit.NewBarrier(n)
		var errs [n]error
		fs := make([]func(), n)
		for i := range fs {
			fs[i] = func() {
				ths[i].Submit(func() {
					b.Wait()
					errs[i] = ths[(i+1)%n].Submit(func() {})
				})
			}
		}
		testkit.Together(t, fs...)
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
		v, err := fu.Wait(testkit.Ended())
		require.NoError(t, err)
		require.Equal(t, 7, v)
	}))
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
	for range testkit.Rounds(1) {
		var got, outer error
		returned, v := testkit.Within(t, func() {
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

// T11, T13: a Shutdown that would close a ring starts the closing, and its ctx
// still limits the draining.
func TestT11ShutdownKeepsItsLimit(t *testing.T) {
	ths := startN(t, 2)
	ctx, cancel := context.WithCancel(context.Background())
	ran := 0
	var last *ste.Future[int]
	require.NoError(t, ths[0].Submit(func() {
		for range 50 {
			require.NoError(t, ths[0].Post(func() {
				if ran++; ran == 1 {
					cancel()
					testkit.Await(t, last.Done()) // it has been dropped
				}
			}))
		}
		var err error
		last, err = ste.Async(ths[0], func() (int, error) { ran++; return 0, nil })
		require.NoError(t, err)
		require.NoError(t, ths[1].Submit(func() { require.ErrorIs(t, ths[0].Shutdown(ctx), ste.ErrDeadlock) }))
	}))
	testkit.Await(t, ths[0].Done())
	require.Equal(t, 1, ran)
}
