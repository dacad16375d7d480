//go:build ste_explore

package orders_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/explore"
	"github.com/ste-go/ste/internal/prim"
)

// scenarios are what is explored. Each is a program for two or three callers.
var scenarios = map[string]func(w *world, wait ste.WaitStrategy){
	// T3, T4, T5, T12: one caller, then Close.
	"one caller": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		w.caller("caller", func() {
			for i := range 2 {
				w.check(w.submit(th, fmt.Sprint("task ", i)) == nil, "not accepted")
			}
		}, w.closing(th))
	},
	// The same for two callers.
	"two callers": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		for i := range 2 {
			w.caller(fmt.Sprint("caller ", i), func() {
				for j := range 2 {
					w.check(w.submit(th, fmt.Sprint("task ", i, ".", j)) == nil, "not accepted")
				}
			}, w.closing(th))
		}
	},
	// Three callers with one task each.
	"three callers": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		for i := range 3 {
			w.caller(fmt.Sprint("caller ", i), func() {
				w.check(w.submit(th, fmt.Sprint("task ", i)) == nil, "not accepted")
			}, w.closing(th))
		}
	},
	// Three callers with two tasks each.
	"three callers, two tasks": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		for i := range 3 {
			w.caller(fmt.Sprint("caller ", i), func() {
				for j := range 2 {
					w.check(w.submit(th, fmt.Sprint("task ", i, ".", j)) == nil, "not accepted")
				}
			}, w.closing(th))
		}
	},
	// T6, T13: a Close in between.
	"close": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		closed := false
		for i := range 2 {
			w.caller(fmt.Sprint("caller ", i), func() {
				late := closed
				err := w.submit(th, fmt.Sprint("task ", i))
				w.check(closedOrNil(err), "Submit: %v", err)
				w.check(!late || err != nil, "T6: accepted after Close")
			}, nil)
		}
		explore.Go("closer", func() {
			w.check(th.Close() == nil, "Close failed")
			closed = true
		})
	},
	// T3, T6: posts of one goroutine and its Submit, a Close in between.
	"posts": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		for i := range 2 {
			w.caller(fmt.Sprint("poster ", i), func() {
				next, accepted := 0, 0
				for range 2 {
					n := accepted
					if th.Post(func() {
						w.check(next == n, "T3: post %d of %d runs as number %d", n, i, next)
						next++
					}) == nil {
						accepted++
					}
				}
				c := w.call(fmt.Sprint("task ", i))
				err := th.Submit(func() {
					w.check(next == accepted, "T3: a Submit runs before %d of its caller's posts", accepted-next)
					c.f()
				})
				c.ended(err)
				w.check(closedOrNil(err), "Submit: %v", err)
			}, nil)
		}
		explore.Go("closer", w.closing(th))
	},
	// T6, T13: a Shutdown that does not wait drops what is queued.
	"shutdown": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		for i := range 2 {
			w.caller(fmt.Sprint("caller ", i), func() {
				err := w.submit(th, fmt.Sprint("task ", i))
				w.check(closedOrNil(err), "Submit: %v", err)
			}, nil)
		}
		posted, ran := 0, 0
		for range 2 {
			if th.Post(func() { ran++ }) == nil {
				posted++
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		explore.Go("closer", func() {
			err := th.Shutdown(ctx)
			w.check(err == nil || errors.Is(err, context.Canceled), "Shutdown: %v", err)
			w.check(th.Close() == nil, "Close failed")
			w.check(ran <= posted, "T6: posts ran twice")
		})
	},
	// T4, T6, T12: callers that give up.
	"cancel": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		for i := range 2 {
			ctx, cancel := context.WithCancel(context.Background())
			explore.Go(fmt.Sprint("impatient ", i), func() {
				step("cancel")
				cancel()
			})
			w.caller(fmt.Sprint("caller ", i), func() {
				c := w.call(fmt.Sprint("task ", i))
				err := th.SubmitContext(ctx, c.f)
				c.ended(err)
				w.check(err == nil || errors.Is(err, context.Canceled), "SubmitContext: %v", err)
				w.check(w.submit(th, fmt.Sprint("task after ", i)) == nil, "not accepted")
			}, w.closing(th))
		}
	},
	// T4, T6, T12: one caller of two gives up.
	"one gives up": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		ctx, cancel := context.WithCancel(context.Background())
		explore.Go("impatient", func() {
			step("cancel")
			cancel()
		})
		w.caller("gives up", func() {
			c := w.call("task given up")
			err := th.SubmitContext(ctx, c.f)
			c.ended(err)
			w.check(err == nil || errors.Is(err, context.Canceled), "SubmitContext: %v", err)
		}, w.closing(th))
		w.caller("stays", func() {
			w.check(w.submit(th, "task") == nil, "not accepted")
		}, w.closing(th))
	},
	// T3, T6, T12: two of three that wait give up as the first one runs.
	"three give up": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		ctx, cancel := context.WithCancel(context.Background())
		w.caller("caller", func() {
			c := w.call("task")
			c.ended(th.Submit(func() {
				c.f()
				cancel()
			}))
		}, w.closing(th))
		for i := range 2 {
			w.caller(fmt.Sprint("gives up ", i), func() {
				c := w.call(fmt.Sprint("task ", i))
				err := th.SubmitContext(ctx, c.f)
				c.ended(err)
				w.check(err == nil || errors.Is(err, context.Canceled), "SubmitContext: %v", err)
				w.check(w.submit(th, fmt.Sprint("task after ", i)) == nil, "not accepted")
			}, w.closing(th))
		}
	},
	// T3, T6, T12: a call between posts is given up while the first of them runs.
	"given up among posts": givenUp(0),
	// The same when the queue needs more room meanwhile.
	"given up among more posts": givenUp(4),
	// T6, T12: one of two callers gives up while somebody closes the Thread.
	"close and one gives up": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		ctx, cancel := context.WithCancel(context.Background())
		w.caller("stays", func() {
			err := w.submit(th, "task")
			w.check(closedOrNil(err), "Submit: %v", err)
		}, nil)
		w.caller("gives up", func() {
			c := w.call("task given up")
			err := th.SubmitContext(ctx, c.f)
			c.ended(err)
			w.check(closedOrNil(err) || errors.Is(err, context.Canceled), "SubmitContext: %v", err)
		}, nil)
		explore.Go("closer", func() {
			step("cancel")
			cancel()
			w.check(th.Close() == nil, "Close failed")
		})
	},
	// T7, T8, T9: tasks that panic or exit; the Thread goes on.
	"panic and Goexit": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		w.caller("panics", func() {
			func() {
				defer func() {
					var pe *ste.PanicError
					err, _ := recover().(error)
					w.check(errors.As(err, &pe) && pe.Value == "oh", "T8: recovered %v", err)
				}()
				th.Submit(func() { panic("oh") })
				w.check(false, "T8: Submit returned after a panic")
			}()
			w.check(w.submit(th, "task after a panic") == nil, "not accepted")
		}, w.closing(th))
		w.caller("exits", func() {
			gone := true
			defer func() {
				w.check(gone, "T9: Submit returned after a Goexit")
				w.check(w.submit(th, "task after a Goexit") == nil, "not accepted")
			}()
			th.Submit(runtime.Goexit)
			gone = false
		}, w.closing(th))
	},
	// In place: a task that submits to its own Thread.
	"in place": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		for i := range 2 {
			w.caller(fmt.Sprint("caller ", i), func() {
				err := th.Submit(func() { w.check(w.submit(th, fmt.Sprint("inner ", i)) == nil, "not in place") })
				w.check(err == nil, "Submit: %v", err)
			}, w.closing(th))
		}
	},
	// T11: two Threads that turn to each other: never both wait, and nobody is
	// refused without a ring.
	"ring": func(w *world, wait ste.WaitStrategy) {
		a, b := make1(w, ste.WithWaitStrategy(wait)), make1(w, ste.WithWaitStrategy(wait))
		refused := 0
		turn := func(from, to *ste.Thread, name string) func() {
			return func() {
				err := from.Submit(func() {
					err := w.submit(to, name)
					w.check(err == nil || errors.Is(err, ste.ErrDeadlock), "Submit: %v", err)
					if err != nil {
						refused++
					}
				})
				w.check(err == nil, "outer Submit: %v", err)
			}
		}
		end := func() {
			w.check(refused <= 1, "T11: %d calls of one ring refused", refused)
			w.check(a.Close() == nil && b.Close() == nil, "Close failed")
		}
		w.caller("a to b", turn(a, b, "b's task"), end)
		w.caller("b to a", turn(b, a, "a's task"), end)
	},
	// T11: a ring that posts began, so that nobody waits for the two Threads.
	"ring of posts": func(w *world, wait ste.WaitStrategy) {
		a, b := make1(w, ste.WithWaitStrategy(wait)), make1(w, ste.WithWaitStrategy(wait))
		refused, ended := 0, 0
		turn := func(from, to *ste.Thread, name string) {
			err := from.Post(func() {
				err := w.submit(to, name)
				w.check(err == nil || errors.Is(err, ste.ErrDeadlock), "Submit: %v", err)
				if err != nil {
					refused++
				}
				if ended++; ended == 2 {
					w.check(refused <= 1, "T11: %d calls of one ring refused", refused)
					explore.Go("closer", func() { w.check(a.Close() == nil && b.Close() == nil, "Close failed") })
				}
			})
			w.check(err == nil, "Post: %v", err)
		}
		turn(a, b, "b's task")
		turn(b, a, "a's task")
	},
	// T3: an Async of one goroutine between its posts, while another posts.
	"Async between posts": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait), w.noPanic())
		next := 0
		w.caller("sender", func() {
			for i := range 3 {
				f := func() {
					w.check(next == i, "T3: number %d runs as number %d", i, next)
					next++
				}
				if i != 1 {
					w.check(th.Post(f) == nil, "not posted")
					continue
				}
				_, err := ste.Async(th, func() (int, error) { f(); return 0, nil })
				w.check(err == nil, "Async: %v", err)
			}
		}, w.closing(th))
		w.caller("other", func() {
			for range 2 {
				w.check(th.Post(func() {}) == nil, "not posted")
			}
		}, w.closing(th))
	},
	// T11: A's wait for B is over when B turns to A.
	"no ring": func(w *world, wait ste.WaitStrategy) {
		a, b := make1(w, ste.WithWaitStrategy(wait)), make1(w, ste.WithWaitStrategy(wait))
		w.caller("caller", func() {
			err := a.Submit(func() {
				err := b.Submit(func() {
					w.check(b.Post(func() {
						w.check(w.submit(a, "back") == nil, "T11: refused, but A waits for nobody")
					}) == nil, "not posted")
				})
				w.check(err == nil, "T11: %v", err)
			})
			w.check(err == nil, "Submit: %v", err)
		}, func() {
			w.check(b.Close() == nil && a.Close() == nil, "Close failed")
		})
	},
	// A task waits for another Thread when its own has just woken a caller.
	"a task waits": func(w *world, wait ste.WaitStrategy) {
		a, b := make1(w, ste.WithWaitStrategy(wait)), make1(w, ste.WithWaitStrategy(wait))
		w.caller("caller", func() {
			err := a.Submit(func() {
				w.check(a.Post(func() {
					w.check(w.submit(b, "from a task") == nil, "not accepted")
				}) == nil, "not posted")
			})
			w.check(err == nil, "Submit: %v", err)
		}, func() {
			w.check(a.Close() == nil && b.Close() == nil, "Close failed")
		})
	},
	// T11: the same with a Future.
	"no ring by a Future": func(w *world, wait ste.WaitStrategy) {
		a, b := make1(w, ste.WithWaitStrategy(wait)), make1(w, ste.WithWaitStrategy(wait))
		w.caller("caller", func() {
			err := a.Submit(func() {
				f, err := ste.Async(b, func() (int, error) { return 7, nil })
				w.check(err == nil, "Async: %v", err)
				w.check(b.Post(func() {
					w.check(w.submit(a, "back") == nil, "T11: refused, but A waits for nobody")
				}) == nil, "not posted")
				v, err := f.Wait(context.Background())
				w.check(v == 7 && err == nil, "T11: Wait: %d, %v", v, err)
			})
			w.check(err == nil, "Submit: %v", err)
		}, func() {
			w.check(b.Close() == nil && a.Close() == nil, "Close failed")
		})
	},
	// Futures: two waiters, one of whom gives up, and a Close.
	"future": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		ran := 0
		f, err := ste.Async(th, func() (int, error) { ran++; return 7, nil })
		w.check(err == nil, "Async: %v", err)
		ctx, cancel := context.WithCancel(context.Background())
		explore.Go("impatient", func() {
			step("cancel")
			cancel()
		})
		w.caller("gives up", func() {
			v, err := f.Wait(ctx)
			w.check(v == 7 && err == nil || errors.Is(err, context.Canceled), "Wait: %d, %v", v, err)
		}, nil)
		w.caller("waits", func() {
			v, err := f.Wait(context.Background())
			w.check(v == 7 && err == nil && ran == 1, "Wait: %d, %v", v, err)
		}, nil)
		explore.Go("closer", w.closing(th))
	},
	// T6: the limit of the queue.
	"limit": func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait), ste.WithQueueLimit(1))
		accepted, ran := 0, 0
		for i := range 2 {
			w.caller(fmt.Sprint("poster ", i), func() {
				for range 2 {
					switch err := th.Post(func() { ran++ }); {
					case err == nil:
						accepted++
					default:
						w.check(errors.Is(err, ste.ErrQueueFull), "Post: %v", err)
					}
				}
			}, func() {
				w.check(th.Close() == nil, "Close failed")
				w.check(ran == accepted && accepted > 0, "T6: %d accepted, %d ran", accepted, ran)
			})
		}
	},
}

func givenUp(more int) func(w *world, wait ste.WaitStrategy) {
	return func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait), w.noPanic())
		ctx, cancel := context.WithCancel(context.Background())
		begun, first, all, back := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
		next, posted := 0, 0
		post := func(f func()) {
			n := posted
			posted++
			w.check(th.Post(func() {
				w.check(next == n, "T3: post %d runs as number %d", n, next)
				next++
				f()
			}) == nil, "not posted")
		}
		end := func() {
			w.check(th.Close() == nil, "Close failed")
			w.check(next == posted, "T6: %d posted, %d ran", posted, next)
		}
		w.caller("holds the lane", func() {
			w.check(th.Submit(func() {
				prim.Close(begun)
				prim.Await(all)
			}) == nil, "not accepted")
		}, end)
		w.caller("posts", func() {
			prim.Await(begun)
			post(func() {
				for range more {
					post(func() {})
				}
				cancel()
				prim.Await(back)
			})
			prim.Close(first)
		}, end)
		w.caller("gives up", func() {
			prim.Await(first)
			c := w.call("task given up")
			err := th.SubmitContext(ctx, c.f)
			c.ended(err)
			w.check(err == nil || errors.Is(err, context.Canceled), "SubmitContext: %v", err)
			prim.Close(back)
		}, end)
		w.caller("posts more", func() {
			prim.Await(first)
			post(func() {})
			prim.Close(all)
		}, end)
	}
}
