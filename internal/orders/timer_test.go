//go:build ste_explore

package orders_test

import (
	"fmt"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/prim"
)

// init adds what is about time.
func init() {
	// A timer is armed while the Thread falls asleep, or sleeps for a later one.
	scenarios["timers"] = func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		for i := range 2 {
			w.caller(fmt.Sprint("caller ", i), func() {
				ran := make(chan struct{})
				_, err := th.AfterFunc(time.Duration(i)*500, func() { prim.Close(ran) })
				w.check(err == nil, "AfterFunc: %v", err)
				prim.Await(ran) // nothing else may wake the Thread
				w.check(w.submit(th, fmt.Sprint("task ", i)) == nil, "not accepted")
			}, w.closing(th))
		}
	}
	// Stop against the deadline: true exactly if it never runs.
	scenarios["Stop"] = func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		ran, stops, ticks := 0, 0, 0
		once, err := th.AfterFunc(500, func() { step("timer"); ran++ })
		w.check(err == nil, "AfterFunc: %v", err)
		var every *ste.Timer
		every, err = th.Every(500, func(ste.Tick) {
			if ticks++; ticks == 2 {
				w.check(every.Stop() || w.live == 0, "Stop in its own tick said no, and the Thread is open")
			}
			w.check(ticks <= 2, "a tick after Stop")
		})
		w.check(err == nil, "Every: %v", err)
		for i := range 2 {
			w.caller(fmt.Sprint("stopper ", i), func() {
				if once.Stop() {
					stops++
				}
				w.check(w.submit(th, fmt.Sprint("task ", i)) == nil, "not accepted")
			}, func() {
				w.check(th.Close() == nil, "Close failed")
				w.check(stops+ran == 1, "stopped %d times, ran %d times", stops, ran)
			})
		}
	}
	// T13: timers and the closing.
	scenarios["timers and Close"] = func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait))
		over := false
		tick := func() { w.check(!over, "runs after the end") }
		w.caller("arms", func() {
			for range 2 {
				_, err := th.AfterFunc(500, tick)
				w.check(closedOrNil(err), "AfterFunc: %v", err)
			}
			_, err := th.Every(time.Millisecond, func(ste.Tick) { tick() }) // not always due
			w.check(closedOrNil(err), "Every: %v", err)
		}, nil)
		w.caller("closer", func() {
			w.check(th.Close() == nil, "Close failed")
			over = true
		}, nil)
	}
}
