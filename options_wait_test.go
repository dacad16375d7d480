package ste_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
)

var strategies = map[string]ste.WaitStrategy{
	"adaptive": ste.WaitAdaptive,
	"park":     ste.WaitPark,
	"spin":     ste.WaitSpin,
	"kernel":   ste.WaitKernel,
}

// Many goroutines submit and post to one Thread, in every wait strategy: all of
// it runs, each goroutine's in order.
func TestFanIn(t *testing.T) {
	for name, wait := range strategies {
		for _, senders := range []int{8, 64} {
			th := start(t, ste.WithWaitStrategy(wait))
			per := max(testkit.Rounds(4)/senders, 20)
			last := make([]int, senders) // on the Thread
			ran := 0
			var fs []func()
			for s := range senders {
				fs = append(fs, func() {
					for i := range per {
						n := 4*i + 1
						next := func(n int) func() {
							return func() {
								if last[s] != n-1 {
									t.Errorf("%s: %d after %d", name, n, last[s])
								}
								last[s] = n
								ran++
							}
						}
						th.Post(next(n))
						ste.Async(th, func() (int, error) { next(n + 1)(); return 0, nil })
						th.Post(next(n + 2))
						th.Submit(next(n + 3))
					}
				})
			}
			testkit.Together(t, fs...)
			require.NoError(t, th.Close())
			require.Equal(t, 4*per*senders, ran, "%s, %d senders", name, senders)
		}
	}
}

// A Thread with a large backlog, or in the middle of it, still lets a
// cancellation, a Shutdown and a Close through.
func TestLargeBacklog(t *testing.T) {
	const backlog = 100_000
	for name, wait := range strategies {
		th := start(t, ste.WithWaitStrategy(wait))
		step, there := make(chan struct{}), make(chan struct{}, backlog)
		ran := 0
		for i := range backlog {
			require.NoError(t, th.Post(func() {
				if ran++; i%1000 == 7 {
					there <- struct{}{}
					<-step
				}
			}))
		}
		testkit.Await(t, there)
		step <- struct{}{}
		testkit.Await(t, there) // it is in the middle of a batch, and stays there

		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Millisecond, cancel)
		returned, _ := testkit.Within(t, func() {
			require.ErrorIs(t, th.SubmitContext(ctx, func() { t.Error("ran") }), context.Canceled)
		})
		require.True(t, returned)

		why := errors.New("enough")
		ended, stop := context.WithCancelCause(context.Background())
		stop(why)
		err := th.Shutdown(ended)
		require.ErrorIs(t, err, why)
		close(step)
		testkit.Await(t, th.Done())
		require.ErrorIs(t, th.Post(func() {}), ste.ErrClosed)
		require.Equal(t, 1008, ran, "%s: more than the task that was running", name)
		require.ErrorContains(t, err, fmt.Sprintf("queued tasks dropped: %d;", backlog-ran), name)
	}
}

// GOMAXPROCS may change while callers wait: nobody hangs, and with one processor
// the callers and the Thread, waking each other without end, let others run, such
// as this test.
func TestGOMAXPROCSChanges(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, wait := range strategies {
		th := start(t, ste.WithWaitStrategy(wait))
		var stop atomic.Bool
		var ran, called atomic.Int64
		var callers sync.WaitGroup
		for range 3 {
			callers.Go(func() {
				for !stop.Load() {
					called.Add(1)
					th.Submit(func() { ran.Add(1) })
				}
			})
		}
		for i := range max(testkit.Rounds(2000), 60) {
			runtime.GOMAXPROCS(1 + i%3)
			at := ran.Load()
			testkit.Until(t, fmt.Sprint("20 more, neither starved nor stuck, GOMAXPROCS ", 1+i%3), func() bool { return ran.Load() >= at+20 })
		}
		stop.Store(true)
		callers.Wait()
		require.Equal(t, called.Load(), ran.Load())
	}
}

// oneCore keeps all threads of the process on one core until the test ends, where the
// system can do that.
var oneCore = func(*testing.T) {}

// With one processor no strategy spins: a round trip takes two switches between
// threads, not a spinning side's patience.
//
// All threads are kept on one core: the system leaves a thread where it happens to be,
// and a switch to one on another core takes four times as long.
func TestOneProcessorNeverSpins(t *testing.T) {
	oneCore(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	park := start(t, ste.WithWaitStrategy(ste.WaitPark))
	spin := start(t, ste.WithWaitStrategy(ste.WaitSpin))
	f := func() {}
	trip := func(th *ste.Thread) time.Duration {
		begun := time.Now()
		for range 50 {
			th.Submit(f)
		}
		return time.Since(begun)
	}
	// In turns, so that a machine that is slow for a while is slow for both.
	parked, spun := time.Hour, time.Hour
	for range 60 {
		parked, spun = min(parked, trip(park)), min(spun, trip(spin))
	}
	require.Less(t, spun, 3*parked)
}
