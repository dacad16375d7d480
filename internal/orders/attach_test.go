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

// host runs body as an attached Thread on a goroutine of its own. The Thread is
// there once begun is closed.
func (w *world) host(body func(*ste.Thread), opts ...ste.Option) (th **ste.Thread, begun chan struct{}) {
	th, begun = new(*ste.Thread), make(chan struct{})
	explore.Go("host", func() {
		err := ste.Attach(func(of *ste.Thread) error {
			*th = of
			prim.Close(begun)
			body(of)
			return nil
		}, opts...)
		w.check(err == nil, "Attach: %v", err)
	})
	return th, begun
}

// A foreign wait remembers one wake-up, as an eventfd does.
type foreign struct{ rung bool }

func (f *foreign) ring() {
	step("waker")
	f.rung = true
}

func (f *foreign) wait() {
	explore.Point(explore.Change, "foreign wait", func() bool { return f.rung })
	f.rung = false
}

// pump is a loop that lives in the foreign wait, until the Thread is closed.
func (f *foreign) pump(th *ste.Thread) {
	for {
		th.RunPending()
		if th.Closed() {
			return
		}
		f.wait()
	}
}

// init adds what is about threads that ste did not start.
func init() {
	// T4, T6, T13: an attached Thread that runs, and is closed.
	scenarios["attached"] = func(w *world, wait ste.WaitStrategy) {
		past := false
		th, begun := w.host(func(th *ste.Thread) {
			w.check(th.Run(context.Background()) == nil, "Run failed")
			past = true
		}, ste.WithWaitStrategy(wait))
		w.caller("caller", func() {
			prim.Await(begun)
			for i := range 2 {
				err := w.submit(*th, fmt.Sprint("task ", i))
				w.check(closedOrNil(err), "Submit: %v", err)
			}
		}, nil)
		explore.Go("closer", func() {
			prim.Await(begun)
			w.check((*th).Close() == nil, "Close failed")
			w.check(past, "Close does not wait for body")
		})
	}
	// T4, T6: body ends by itself, while others come.
	scenarios["attached, body ends"] = func(w *world, wait ste.WaitStrategy) {
		th, begun := w.host(func(th *ste.Thread) { th.RunPending() }, ste.WithWaitStrategy(wait))
		for i := range 2 {
			w.caller(fmt.Sprint("caller ", i), func() {
				prim.Await(begun)
				err := w.submit(*th, fmt.Sprint("task ", i))
				w.check(closedOrNil(err), "Submit: %v", err)
			}, nil)
		}
	}
	// A loop that sleeps elsewhere is reached by the waker for everything.
	scenarios["waker"] = func(w *world, wait ste.WaitStrategy) {
		f := new(foreign)
		th, begun := w.host(f.pump, ste.WithWaitStrategy(wait), ste.WithWaker(f.ring))
		for i := range 2 {
			w.caller(fmt.Sprint("caller ", i), func() {
				prim.Await(begun)
				w.check(w.submit(*th, fmt.Sprint("task ", i)) == nil, "not accepted")
			}, func() { w.check((*th).Close() == nil, "Close failed") })
		}
	}
	// The same for a task of an ordinary Thread, and for timers.
	scenarios["waker and timers"] = func(w *world, wait ste.WaitStrategy) {
		f := new(foreign)
		th := make1(w, ste.WithWaitStrategy(wait), ste.WithWaker(f.ring))
		w.check(th.Post(func() { f.pump(th) }) == nil, "not posted")
		w.caller("caller", func() {
			for i := range 2 {
				ran := make(chan struct{})
				_, err := th.AfterFunc(500, func() { prim.Close(ran) })
				w.check(err == nil, "AfterFunc %d: %v", i, err)
				prim.Await(ran) // nothing else may wake it
			}
		}, w.closing(th))
	}
	// T3, T4, T9: a task lets others in, who come, post, exit and give up.
	scenarios["RunPending"] = func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		over := 0
		end := func() {
			w.check(over == 2, "%d of 2 posts ran", over)
			w.check(th.Close() == nil, "Close failed")
		}
		w.caller("lets in", func() {
			err := th.Submit(func() {
				for range 2 {
					th.RunPending()
				}
			})
			w.check(err == nil, "Submit: %v", err)
		}, end)
		w.caller("posts", func() {
			for i := range 2 {
				err := th.Post(func() {
					w.check(over == i, "T3: post %d runs as number %d", i, over)
					over++
					runtime.Goexit()
				})
				w.check(err == nil, "Post: %v", err)
			}
			w.check(w.submit(th, "task") == nil, "not accepted")
			w.check(over == 2, "T3: a Submit before its caller's posts")
		}, end)
	}
	// T3, T6: a posted closure lets those behind it in, and others post and wait.
	scenarios["RunPending among posts"] = func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait), w.noPanic())
		ran, posted := 0, 0
		post := func(f func()) {
			err := th.Post(func() { ran++; f() })
			w.check(closedOrNil(err), "Post: %v", err)
			if err == nil {
				posted++
			}
		}
		end := func() {
			w.check(th.Close() == nil, "Close failed")
			w.check(ran == posted, "T6: %d posted, %d ran", posted, ran)
		}
		w.caller("lets in", func() {
			post(func() {
				th.RunPending()
				post(func() {})
				post(func() {})
			})
			post(func() {})
		}, end)
		w.caller("posts", func() {
			post(func() {})
			_, err := ste.Async(th, func() (int, error) { return 0, nil })
			w.check(err == nil, "Async: %v", err)
		}, end)
	}
	// Run inside a task ends with its ctx, and loses nobody.
	scenarios["Run"] = func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		ctx, cancel := context.WithCancel(context.Background())
		explore.Go("cancels", func() {
			step("cancel")
			cancel()
		})
		w.caller("runs", func() {
			err := th.Submit(func() {
				err := th.Run(ctx)
				w.check(errors.Is(err, context.Canceled), "Run: %v", err)
			})
			w.check(err == nil, "Submit: %v", err)
		}, w.closing(th))
		w.caller("caller", func() {
			w.check(w.submit(th, "task") == nil, "not accepted")
		}, w.closing(th))
	}
}
