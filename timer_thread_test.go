package ste_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// T8, T9: a panic of a timer goes to the handler, after which the Thread goes on.
func TestT8Timers(t *testing.T) {
	told := make(chan error, 1)
	th := start(t, ste.WithErrorHandler(func(err error) { told <- err }))
	_, err := th.AfterFunc(0, func() { panic("oh") })
	require.NoError(t, err)
	var pe *ste.PanicError
	require.ErrorAs(t, heard(t, told), &pe)
	require.Equal(t, "oh", pe.Value)
	for call, f := range map[string]func(){
		"AfterFunc with a nil func": func() { _, _ = th.AfterFunc(0, nil) },
		"Every with a nil func":     func() { _, _ = th.Every(time.Second, nil) },
		"Stop of a nil Timer":       func() { (*ste.Timer)(nil).Stop() },
		"Stop of the zero Timer":    func() { new(ste.Timer).Stop() },
	} {
		_, value := within(t, f)
		require.Contains(t, value, "ste: "+call)
	}
}

// T13: timers that have not come due when the Thread closes are dropped, those
// that have run; a closed Thread takes none.
func TestT13Timers(t *testing.T) {
	inBubble(t, func(t *testing.T, th *ste.Thread) {
		var due, ticked int
		var never, every *ste.Timer
		require.NoError(t, th.Submit(func() {
			var err error
			_, err = th.AfterFunc(time.Second, func() { due++ })
			require.NoError(t, err)
			every, err = th.Every(time.Second, func(ste.Tick) { ticked++; time.Sleep(3 * time.Second) })
			require.NoError(t, err)
			never, err = th.AfterFunc(3*time.Second, func() { t.Error("not due at Close") })
			require.NoError(t, err)
			time.Sleep(2 * time.Second)
			require.NoError(t, th.Close())
			_, err = th.AfterFunc(0, func() { t.Error("ran") })
			require.Equal(t, ste.ErrClosed, err)
		}))
		require.NoError(t, th.Close())
		require.Equal(t, 1, due)
		require.Equal(t, 1, ticked)
		require.False(t, never.Stop())
		require.False(t, every.Stop())
		_, err := th.Every(time.Second, func(ste.Tick) {})
		require.Equal(t, ste.ErrClosed, err)
	})
}

// T13: timers that come due after Close was called, those behind a failed init,
// and those that a Shutdown without patience finds, do not run.
func TestT13TimersDropped(t *testing.T) {
	never := func() { t.Error("a dropped timer has run") }
	inBubble(t, func(t *testing.T, th *ste.Thread) {
		go func() { _ = th.Submit(func() { time.Sleep(20 * time.Second) }) }()
		synctest.Wait()
		_, err := th.AfterFunc(10*time.Second, never)
		require.NoError(t, err)
		require.NoError(t, th.Close())
	})
	_, err := ste.New(ste.WithInit(func() error {
		_, err := ste.Current().Thread().AfterFunc(0, never)
		require.NoError(t, err)
		return context.Canceled
	}))
	require.ErrorIs(t, err, context.Canceled)
	inBubble(t, func(t *testing.T, th *ste.Thread) {
		go func() { _ = th.Submit(func() { time.Sleep(20 * time.Second) }) }()
		synctest.Wait()
		for range 10 {
			_, err := th.AfterFunc(0, never)
			require.NoError(t, err)
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		require.ErrorContains(t, th.Shutdown(ended), "queued tasks dropped: 0;")
	})
}

// T14: a pending timer keeps its Thread; one that has run or was stopped does not.
func TestT14TimersKeepTheirThread(t *testing.T) {
	for _, stop := range []bool{false, true} {
		var ended, ran atomic.Bool
		th, err := ste.New(ste.WithTeardown(func() error { ended.Store(true); return nil }))
		require.NoError(t, err)
		watch(th)
		tm, err := th.AfterFunc(50*time.Millisecond, func() { ran.Store(true) })
		require.NoError(t, err)
		th = nil
		for range 10 {
			runtime.GC()
		}
		require.False(t, ended.Load() && !ran.Load(), "forgotten with a pending timer")
		if stop {
			tm.Stop()
		}
		require.True(t, ste.Collect(func() bool { time.Sleep(time.Millisecond); return ended.Load() }))
		require.True(t, stop || ran.Load())
	}
}

// T16: timers of a Thread outside, asked for in a bubble, follow the Thread's
// clock.
func TestT16Timers(t *testing.T) {
	th := start(t)
	ran := make(chan struct{})
	var gate atomic.Bool
	begun, early := time.Now(), false
	synctest.Test(t, func(t *testing.T) {
		_, err := th.AfterFunc(20*time.Millisecond, func() {
			early = time.Since(begun) < 20*time.Millisecond
			close(ran)
		})
		require.NoError(t, err)
		tm, err := th.AfterFunc(time.Hour, func() { gate.Store(true) })
		require.NoError(t, err)
		require.True(t, tm.Stop())
		require.False(t, tm.Stop())
	})
	await(t, ran)
	require.False(t, early, "by the clock of the bubble")
	require.False(t, gate.Load())
}

// T13, T16: a Thread outside that is closed from a bubble drops, by its own clock, what is
// not due then, and not only what is not due when its queue has run.
func TestT13ClosedFromABubble(t *testing.T) {
	const deadline = 200 * time.Millisecond
	for range 20 {
		th, err := ste.New()
		require.NoError(t, err)
		hang := make(chan struct{})
		begun, ran := time.Now(), false
		require.NoError(t, th.Post(func() { <-hang }))
		require.NoError(t, th.Post(func() { time.Sleep(time.Until(begun.Add(deadline + deadline/4))) }))
		_, err = th.AfterFunc(deadline, func() { ran = true })
		require.NoError(t, err)
		synctest.Test(t, func(t *testing.T) {
			go func() { assert.NoError(t, th.Close()) }()
			for !th.Closed() {
				runtime.Gosched()
			}
			close(hang)
		})
		if slept := time.Since(begun); slept < deadline {
			t.Fatal("Close has not waited: ", slept)
		}
		if !ran {
			return
		}
		// Maybe the machine paused, and it was due.
	}
	t.Error("it ran 20 times")
}

// T7: what has run or was stopped is not kept.
func TestT7Timers(t *testing.T) {
	th := start(t)
	var gone atomic.Int64
	mark := func() func() {
		v := new([100]byte)
		runtime.AddCleanup(v, func(int) { gone.Add(1) }, 0)
		return func() { v[0]++ }
	}
	_, err := th.AfterFunc(0, mark())
	require.NoError(t, err)
	tm, err := th.AfterFunc(time.Hour, mark())
	require.NoError(t, err)
	require.True(t, tm.Stop())
	f := mark()
	every, err := th.Every(time.Hour, func(ste.Tick) { f() })
	require.NoError(t, err)
	require.True(t, every.Stop())
	f, tm, every = nil, nil, nil
	_ = every
	require.NoError(t, th.Submit(func() {}))
	require.True(t, ste.Collect(func() bool { return gone.Load() == 3 }))
}

// T7: what Close drops is not kept, although a task still runs. A Timer that is kept does
// not keep its Thread, also if its function has closed that.
func TestT7DroppedTimers(t *testing.T) {
	th := start(t)
	hang := make(chan struct{})
	goOn := sync.OnceFunc(func() { close(hang) })
	t.Cleanup(goOn)
	require.NoError(t, th.Post(func() { <-hang }))
	var gone atomic.Int64
	for range 10 {
		v := new([100]byte)
		runtime.AddCleanup(v, func(int) { gone.Add(1) }, 0)
		_, err := th.AfterFunc(time.Hour, func() { v[0]++ })
		require.NoError(t, err)
	}
	closed := make(chan error, 1)
	go func() { closed <- th.Close() }()
	require.True(t, ste.Collect(func() bool { return gone.Load() == 10 }))
	goOn()
	require.NoError(t, heard(t, closed))

	freed := make(chan struct{})
	tm := func() *ste.Timer {
		th, err := ste.New()
		require.NoError(t, err)
		watch(th)
		tm, err := th.Every(time.Microsecond, func(ste.Tick) { _ = ste.Current().Thread().Close() })
		require.NoError(t, err)
		<-th.Done()
		runtime.AddCleanup(th, func(int) { close(freed) }, 0)
		return tm
	}()
	require.True(t, ste.Collect(func() bool { return isClosed(freed) }))
	runtime.KeepAlive(tm)
}

// T13: of the timers that are due as the Thread closes each runs, in the order of their
// deadlines, wherever those that are dropped stood between them.
func TestT13DueTimersInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th, err := ste.New()
		require.NoError(t, err)
		hang := make(chan struct{})
		require.NoError(t, th.Post(func() { <-hang }))
		synctest.Wait() // until it hangs
		var order []int
		// Those up to 6 are kept; without the others their places make no heap.
		for _, s := range []int{2, 11, 3, 9, 7, 0, 6, 10, 8, 5, 4, 1} {
			_, err := th.AfterFunc(time.Duration(s)*time.Second, func() { order = append(order, s) })
			require.NoError(t, err)
		}
		time.Sleep(6 * time.Second)
		closed := make(chan error, 1)
		go func() { closed <- th.Close() }()
		synctest.Wait()
		close(hang)
		require.NoError(t, <-closed)
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6}, order)
	})
}

// T7: a burst of timers leaves no memory behind.
func TestT7TimersBurst(t *testing.T) {
	th := start(t)
	var all []*ste.Timer
	for range 10_000 {
		tm, err := th.AfterFunc(time.Hour, func() {})
		require.NoError(t, err)
		all = append(all, tm)
	}
	for _, tm := range all {
		require.True(t, tm.Stop())
	}
	require.LessOrEqual(t, ste.TimersHeld(th), 64)
}

// T15: timers in steady state allocate nothing.
func TestT15Timers(t *testing.T) {
	if ste.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	th := start(t)
	done := make(chan struct{})
	n := 0
	var before, after runtime.MemStats
	_, err := th.Every(100*time.Microsecond, func(ste.Tick) {
		switch n++; n {
		case 100:
			runtime.ReadMemStats(&before)
		case 1100:
			runtime.ReadMemStats(&after)
			close(done)
		}
	})
	require.NoError(t, err)
	await(t, done)
	require.Less(t, after.Mallocs-before.Mallocs, uint64(100), "in 1,000 ticks")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = th.Shutdown(ctx)
}

// The queue limit does not count timers.
func TestTimersAreNotCounted(t *testing.T) {
	th := start(t, ste.WithQueueLimit(1))
	hold, started := make(chan struct{}), make(chan struct{})
	require.NoError(t, th.Post(func() { close(started); <-hold }))
	await(t, started)
	require.NoError(t, th.Post(func() {}))
	ran := 0
	for range 10 {
		_, err := th.AfterFunc(0, func() { ran++ })
		require.NoError(t, err)
	}
	require.ErrorIs(t, th.Post(func() {}), ste.ErrQueueFull)
	close(hold)
	require.NoError(t, th.Submit(func() {}))
	require.NoError(t, th.Submit(func() {}))
	require.Equal(t, 10, ran)
}

// A Timer whose Thread has ended before it could be armed cannot be stopped.
func TestTimerStopAfterTheEnd(t *testing.T) {
	th := start(t)
	hold := make(chan struct{})
	require.NoError(t, th.Post(func() { <-hold }))
	var tm *ste.Timer
	synctest.Test(t, func(t *testing.T) {
		var err error
		tm, err = th.AfterFunc(time.Hour, func() { t.Error("ran") })
		require.NoError(t, err)
	})
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = th.Shutdown(ended)
	close(hold)
	await(t, th.Done())
	require.False(t, tm.Stop())
}

// T1: what ticks leave of locks and unlocks is put right as after tasks, on a Thread
// that has nothing else to do. (Forty locks ended the process at Close, and forty
// unlocks let the Thread be moved.)
func TestT1StrayLocksInTicks(t *testing.T) {
	out, code := runChild(t, "stray locks in ticks")
	require.Zero(t, code, out)
	require.Contains(t, out, "survived")
}

func init() {
	children["stray locks in ticks"] = func() {
		for _, stray := range []func(){
			runtime.LockOSThread, func() { strayLocks(2) }, runtime.UnlockOSThread, func() { strayUnlocks(2) },
		} {
			th, err := ste.New()
			orDie(err)
			ticks, tids, over := 0, map[uint64]bool{}, make(chan struct{})
			tm, err := th.Every(100*time.Microsecond, func(ste.Tick) {
				tids[osthread.ID()] = true
				if ticks++; ticks <= 10*ste.LockDepth {
					stray()
				} else if ticks == 10*ste.LockDepth+1 {
					close(over)
				}
			})
			orDie(err)
			<-over
			tm.Stop()
			orDie(th.Close())
			if len(tids) != 1 {
				fmt.Println("failed: moved")
				os.Exit(1)
			}
		}
		fmt.Println("survived")
	}
}

// T16: a timer armed in a bubble on a closed Thread outside is refused.
func TestT16TimerOnAClosedThread(t *testing.T) {
	th := start(t)
	require.NoError(t, th.Close())
	synctest.Test(t, func(t *testing.T) {
		_, err := th.AfterFunc(0, func() {})
		require.ErrorIs(t, err, ste.ErrClosed)
		_, err = th.Every(time.Second, func(ste.Tick) {})
		require.ErrorIs(t, err, ste.ErrClosed)
	})
}

// T13: of many timers, those that are due when the Thread is closed run, in the order of
// their deadlines, but for those that are stopped even then; the others do not.
func TestT13TimersDueAtClose(t *testing.T) {
	inBubble(t, func(t *testing.T, th *ste.Thread) {
		for range 20 {
			th, err := ste.New()
			require.NoError(t, err)
			begun, hang := make(chan struct{}), make(chan struct{})
			require.NoError(t, th.Post(func() { close(begun); <-hang }))
			<-begun
			var ran, want []int
			var due []*ste.Timer
			for _, ms := range rand.Perm(40) {
				tm, err := th.AfterFunc(time.Duration(ms)*time.Millisecond, func() { ran = append(ran, ms) })
				require.NoError(t, err)
				if ms > 20 {
					continue
				}
				if ms%3 == 0 {
					due = append(due, tm)
				} else {
					want = append(want, ms)
				}
			}
			time.Sleep(20*time.Millisecond + time.Microsecond)
			over := make(chan error)
			go func() { over <- th.Close() }()
			synctest.Wait()
			for _, tm := range due {
				tm.Stop()
			}
			close(hang)
			require.NoError(t, <-over)
			slices.Sort(want)
			require.Equal(t, want, ran)
		}
	})
}
