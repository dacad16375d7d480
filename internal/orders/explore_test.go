//go:build ste_explore

package orders_test

import (
	"flag"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/explore"
)

var (
	boundFlag  = flag.Int("bound", 2, "surprises in each explored run: who goes on though it was not its turn")
	limitFlag  = flag.Duration("limit", 0, "give up on a scenario after this time; 0 for never")
	drawsFlag  = flag.Int("draws", 3000, "runs of each scenario in random order")
	seedFlag   = flag.Uint64("seed", 1, "of the first of them")
	replayFlag = flag.String("replay", "", "what a failure said after replay:; needs -run with the scenario")
)

var waitStrategies = map[string]ste.WaitStrategy{"park": ste.WaitPark, "adaptive": ste.WaitAdaptive, "spin": ste.WaitSpin, "kernel": ste.WaitKernel}

func program(f func(*world, ste.WaitStrategy), wait ste.WaitStrategy) explore.Program {
	return func() func() error {
		w := new(world)
		f(w, wait)
		return w.end
	}
}

// large are the scenarios that are explored with one surprise less, though never without.
var large = map[string]bool{"three give up": true, "a task waits": true, "three callers, two tasks": true, "Bound closed in use": true, "ring with a Bound": true, "no ring with a Bound": true, "no ring with a use": true, "Run": true, "RunPending": true, "waker": true}

// kernel are the scenarios that are explored with WaitKernel, too.
var kernel = map[string]bool{"one caller": true, "two callers": true, "close": true, "posts": true, "shutdown": true, "timers": true, "ring": true, "one gives up": true, "ring with a Bound": true, "a task waits": true}

// TestExplore runs each scenario in every order of steps with at most -bound
// surprises, and then in random orders. Adaptive begins as Park does, so it, too, gets
// one surprise less.
func TestExplore(t *testing.T) {
	t.Parallel()
	total := 0
	for name, f := range scenarios {
		for how, wait := range waitStrategies {
			if wait == ste.WaitKernel && !kernel[name] {
				continue
			}
			t.Run(name+"/"+how, func(t *testing.T) {
				p := program(f, wait)
				if *replayFlag != "" {
					if f := explore.Replay(p, *replayFlag); f != nil {
						t.Fatal(f)
					}
					return
				}
				began := time.Now()
				bound := *boundFlag
				if bound > 1 && (wait == ste.WaitAdaptive || wait == ste.WaitKernel && name == "ring" || large[name]) {
					bound--
				}
				runs, all, failure := explore.All(p, bound, *limitFlag)
				if failure != nil {
					t.Fatal(failure)
				}
				total += runs
				t.Logf("| %s | %s | %d | %d | %v | %v |", name, how, bound, runs, all, time.Since(began).Round(10*time.Millisecond))
				if f := explore.Random(p, *seedFlag, 5, *drawsFlag); f != nil {
					t.Fatal(f)
				}
			})
		}
	}
	t.Logf("%d runs in all, besides random ones", total)
}
