package trials

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// Calls, posts, cancellations, timers and pauses, so that the Thread falls asleep at any
// place, and a Close in the middle: what was accepted has run, once, and nobody hangs.
func TestKernelHammer(t *testing.T) {
	other := start(t, ste.WithWaitStrategy(ste.WaitKernel))
	for _, w := range []ste.WaitStrategy{ste.WaitKernel, ste.WaitAdaptive} {
		for range testkit.Rounds(25) {
			kernelRound(t, w, other)
		}
	}
}

func kernelRound(t *testing.T, w ste.WaitStrategy, other *ste.Thread) {
	th, err := ste.New(ste.WithWaitStrategy(w))
	require.NoError(t, err)
	testkit.Watch(th)
	var accepted atomic.Int64
	var n int64 // on the Thread
	add := func() { n++ }
	us := func(k int) time.Duration { return time.Duration(rand.IntN(k)) * time.Microsecond }
	did := func(err error) bool {
		switch {
		case err == nil:
			accepted.Add(1)
		case !errors.Is(err, ste.ErrClosed) && !errors.Is(err, context.DeadlineExceeded):
			t.Error(err)
		}
		return err == nil
	}
	one := func() {
		ran := false
		f := func() { ran = true; n++ }
		switch rand.IntN(7) {
		case 0, 1:
			if did(th.Submit(f)) != ran {
				t.Errorf("T6: ran is %v", ran)
			}
		case 2:
			did(th.Post(add))
		case 3:
			ctx, cancel := context.WithTimeout(context.Background(), us(200))
			defer cancel()
			if did(th.SubmitContext(ctx, f)) != ran {
				t.Errorf("T12: ran is %v", ran)
			}
		case 4: // its task sleeps in the kernel itself
			if did(th.Submit(func() { f(); other.Submit(func() { ran = false }) })) && ran {
				t.Error("the inner call did not run")
			}
		case 5:
			d, begun, rang := us(300), time.Now(), make(chan struct{})
			if _, err := th.AfterFunc(d, func() { close(rang) }); err != nil {
				return
			}
			select {
			case <-rang:
				if took := time.Since(begun); took < d {
					t.Errorf("after %v and not %v", took, d)
				}
			case <-th.Done(): // not called any more
			}
		case 6:
			time.Sleep(us(500))
		}
	}
	var fs []func()
	for range 8 {
		fs = append(fs, func() {
			for range 15 {
				one()
			}
		})
	}
	fs = append(fs, func() {
		time.Sleep(us(3000))
		if err := th.Close(); err != nil {
			t.Error(err)
		}
	})
	testkit.Together(t, fs...)
	require.Equal(t, accepted.Load(), n)
}

// T11: a ring with a Thread in it that waits in the kernel is refused as others are, also
// if both turn to each other at the same instant; both go on afterwards.
func TestKernelRings(t *testing.T) {
	for _, w := range strategies {
		t.Run(fmt.Sprint("with strategy ", w), func(t *testing.T) {
			ths := []*ste.Thread{start(t, ste.WithWaitStrategy(ste.WaitKernel)), start(t, ste.WithWaitStrategy(w))}
			for i := range testkit.Rounds(10) {
				a, b := ths[i%2], ths[1-i%2]
				var there, back error
				testkit.Together(t, func() {
					a.Submit(func() {
						there = b.Submit(func() { back = a.Submit(func() { t.Error("ran") }) })
					})
				})
				require.NoError(t, there)
				require.ErrorIs(t, back, ste.ErrDeadlock)

				at := testkit.NewBarrier(2)
				var ran [2]bool
				var errs [2]error
				turn := func(i int) func() {
					return func() {
						ths[i].Submit(func() {
							at.Wait()
							errs[i] = ths[1-i].Submit(func() { ran[i] = true })
						})
					}
				}
				testkit.Together(t, turn(0), turn(1))
				require.NotEqual(t, ran[0], ran[1])
				for i, err := range errs {
					if ran[i] {
						require.NoError(t, err)
					} else {
						require.ErrorIs(t, err, ste.ErrDeadlock)
					}
				}
			}
		})
	}
}

// Two Threads whose tasks call each other, in one direction at a time, while both are
// called from elsewhere and GOMAXPROCS changes: nobody hangs, all of it runs.
func TestKernelPairs(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var stop atomic.Bool
	var changes sync.WaitGroup
	defer changes.Wait()
	defer stop.Store(true)
	changes.Go(func() {
		for i := 0; !stop.Load(); i++ {
			runtime.GOMAXPROCS(1 << (i % 3))
			time.Sleep(200 * time.Microsecond)
		}
	})
	for _, pair := range [][2]ste.WaitStrategy{
		{ste.WaitKernel, ste.WaitKernel}, {ste.WaitKernel, ste.WaitAdaptive}, {ste.WaitKernel, ste.WaitPark},
		{ste.WaitKernel, ste.WaitSpin}, {ste.WaitAdaptive, ste.WaitAdaptive},
	} {
		const calls = 5
		var ths [2]*ste.Thread
		for i, w := range pair {
			ths[i] = start(t, ste.WithWaitStrategy(w))
		}
		var ran [2]int // each on its Thread
		rounds := testkit.Rounds(50)
		for i := range rounds {
			from, to := i%2, 1-i%2
			var fs []func()
			for range 3 {
				fs = append(fs, func() {
					for range calls {
						err := errors.New("did not run")
						if err := errors.Join(ths[from].Submit(func() {
							ran[from]++
							err = ths[to].Submit(func() { ran[to]++ })
						}), err); err != nil {
							t.Error(pair, err)
						}
					}
				})
			}
			for side := range ths {
				fs = append(fs, func() {
					for range calls {
						if err := ths[side].Submit(func() { ran[side]++ }); err != nil {
							t.Error(pair, err)
						}
					}
				})
			}
			testkit.Together(t, fs...)
		}
		for _, th := range ths {
			require.NoError(t, th.Close())
		}
		require.Equal(t, [2]int{4 * calls * rounds, 4 * calls * rounds}, ran, "%v", pair)
	}
}

// With one processor a Thread that goes to sleep in the kernel lets run first whom it has
// woken: else that one waits until the runtime takes the processor away from the sleeper.
func TestKernelLetsCallersRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	park, kernel := start(t, ste.WithWaitStrategy(ste.WaitPark)), start(t, ste.WithWaitStrategy(ste.WaitKernel))
	f := func() {}
	trip := func(th *ste.Thread) time.Duration {
		begun := time.Now()
		for range 50 {
			th.Submit(f)
		}
		return time.Since(begun)
	}
	// In turns, so that a machine that is slow for a while is slow for both.
	parked, slept := time.Hour, time.Hour
	for range 30 {
		parked, slept = min(parked, trip(park)), min(slept, trip(kernel))
	}
	t.Logf("50 calls: %v parked, %v in the kernel", parked, slept)
	require.Less(t, slept, 8*parked)
}
