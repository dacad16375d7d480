package ste_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste"
	"github.com/stretchr/testify/require"
)

// inBubble runs f with a Thread in a synctest bubble, whose clock is exact.
func inBubble(t *testing.T, f func(t *testing.T, th *ste.Thread), opts ...ste.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		th, err := ste.New(opts...)
		require.NoError(t, err)
		f(t, th)
		require.NoError(t, th.Close())
	})
}

// A timer runs on its Thread, once, at its time and not before.
func TestTimerAfterFunc(t *testing.T) {
	inBubble(t, func(t *testing.T, th *ste.Thread) {
		begun := time.Now()
		var ran []time.Duration
		for _, d := range []time.Duration{time.Hour, 3 * time.Second, time.Minute, 0, 3 * time.Second, -1} {
			_, err := th.AfterFunc(d, func() {
				require.True(t, th.OnThread())
				require.GreaterOrEqual(t, time.Since(begun), d)
				ran = append(ran, time.Since(begun))
			})
			require.NoError(t, err)
		}
		time.Sleep(2 * time.Hour)
		require.NoError(t, th.Submit(func() {}))
		require.Equal(t, []time.Duration{0, 0, 3 * time.Second, 3 * time.Second, time.Minute, time.Hour}, ran)
	})
	for _, wait := range strategies { // and by the real clock, asleep, spinning and busy
		th := start(t, ste.WithWaitStrategy(wait))
		for i := range 20 {
			ran := make(chan struct{})
			d := time.Duration(i%5) * 300 * time.Microsecond
			begun := time.Now()
			_, err := th.AfterFunc(d, func() { close(ran) })
			require.NoError(t, err)
			await(t, ran)
			require.GreaterOrEqual(t, time.Since(begun), d)
		}
	}
}

// Every keeps to its deadlines; those that pass while the Thread is busy make one
// tick, which says so.
func TestTimerEvery(t *testing.T) {
	inBubble(t, func(t *testing.T, th *ste.Thread) {
		begun := time.Now()
		var ticks []ste.Tick
		tm, err := th.Every(10*time.Second, func(k ste.Tick) {
			ticks = append(ticks, k)
			require.True(t, k.Start.Equal(time.Now()))
			switch len(ticks) {
			case 1:
				time.Sleep(4 * time.Second) // within the period: no drift
			case 2:
				time.Sleep(35 * time.Second) // due at 30, 40 and 50 meanwhile
			case 4:
				panic("oh")
			case 5:
				runtime.Goexit()
			}
		})
		require.NoError(t, err)
		time.Sleep(95 * time.Second)
		require.True(t, tm.Stop())
		require.False(t, tm.Stop())
		time.Sleep(time.Minute)
		var got [][3]int
		for _, k := range ticks {
			got = append(got, [3]int{int(k.Due.Sub(begun).Seconds()), int(k.Start.Sub(begun).Seconds()), k.Missed})
		}
		require.Equal(t, [][3]int{{10, 10, 0}, {20, 20, 0}, {50, 55, 2}, {60, 60, 0}, {70, 70, 0}, {80, 80, 0}, {90, 90, 0}}, got)
	}, ste.WithErrorHandler(func(error) {}))

	th := start(t)
	for _, period := range []time.Duration{0, -time.Second} {
		_, err := th.Every(period, func(ste.Tick) {})
		require.ErrorContains(t, err, "ste: Every(")
	}
}

// Stop on the Thread is exact, also between timers that are due at the same time.
func TestTimerStop(t *testing.T) {
	inBubble(t, func(t *testing.T, th *ste.Thread) {
		ran := 0
		var second *ste.Timer
		first, err := th.AfterFunc(time.Second, func() {
			ran++
			require.True(t, second.Stop())
			require.False(t, second.Stop())
		})
		require.NoError(t, err)
		second, err = th.AfterFunc(time.Second, func() { t.Error("ran after Stop") })
		require.NoError(t, err)
		far, err := th.AfterFunc(time.Hour, func() { t.Error("ran after Stop") })
		require.NoError(t, err)
		var every *ste.Timer
		n := 0
		require.NoError(t, th.Submit(func() {
			every, err = th.Every(time.Second, func(ste.Tick) {
				if n++; n == 3 {
					require.True(t, every.Stop(), "in its own tick")
				}
			})
		}))
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.NoError(t, th.Submit(func() {}))
		require.Equal(t, 1, ran)
		require.Equal(t, 3, n)
		require.False(t, first.Stop(), "has run")
		require.True(t, far.Stop())
		time.Sleep(2 * time.Hour)
	})
}

// A race of Stop with the deadline: Stop says true exactly if f never runs.
func TestTimerStopRace(t *testing.T) {
	for _, wait := range strategies {
		th := start(t, ste.WithWaitStrategy(wait))
		for i := range rounds(5) {
			var ran atomic.Bool
			tm, err := th.AfterFunc(time.Duration(i%60)*time.Microsecond, func() { ran.Store(true) })
			require.NoError(t, err)
			for begun := time.Now(); time.Since(begun) < time.Duration(i%40)*time.Microsecond; {
				runtime.Gosched()
			}
			stopped := tm.Stop()
			require.NoError(t, th.Submit(func() {})) // after whatever was running
			require.NotEqual(t, stopped, ran.Load())
		}
	}
}

// A timer armed while the Thread falls asleep, or sleeps for a later one, is not
// slept through.
func TestTimerWakesTheThread(t *testing.T) {
	for name, wait := range strategies {
		th := start(t, ste.WithWaitStrategy(wait))
		_, err := th.AfterFunc(time.Hour, func() {})
		require.NoError(t, err)
		for i := range rounds(5) {
			ran := make(chan struct{})
			require.NoError(t, th.Post(func() {}))
			for range i % 50 {
				runtime.Gosched()
			}
			_, err := th.AfterFunc(0, func() { close(ran) })
			require.NoError(t, err, name)
			await(t, ran)
		}
	}
}

// A backlog of tasks does not starve timers, and timers that are always due do not
// starve tasks.
func TestTimersAndTasksDoNotStarve(t *testing.T) {
	for name, wait := range strategies {
		for _, exits := range []bool{false, true} {
			th := start(t, ste.WithWaitStrategy(wait))
			hold := make(chan struct{})
			require.NoError(t, th.Post(func() { <-hold }))
			ran, atTick := 0, -1
			for range 1000 {
				require.NoError(t, th.Post(func() { ran++ }))
			}
			_, err := th.AfterFunc(0, func() { atTick = ran })
			require.NoError(t, err)
			ticks := 0
			_, err = th.Every(1, func(ste.Tick) { // always due
				ticks++
				if exits {
					runtime.Goexit()
				}
			})
			require.NoError(t, err)
			close(hold)
			seen := 0
			within(t, func() { require.NoError(t, th.Submit(func() { seen = ticks })) })
			require.Equal(t, 1000, ran)
			require.LessOrEqual(t, atTick, 1, name)
			require.GreaterOrEqual(t, atTick, 0, name)
			require.Greater(t, seen, 100, name)
		}
	}
}

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

// Timers that arm themselves again for at once, while the clock stands still, let
// tasks through.
func TestTimersThatArmThemselves(t *testing.T) {
	inBubble(t, func(t *testing.T, th *ste.Thread) {
		n, stop := 0, false
		var again func()
		again = func() {
			if n++; n > 100_000 {
				t.Error("no task came through")
				stop = true
			}
			if !stop {
				_, err := th.AfterFunc(0, again)
				require.NoError(t, err)
			}
		}
		require.NoError(t, th.Submit(func() {
			again()
			require.NoError(t, th.Post(func() { stop = true }))
		}))
		synctest.Wait()
		require.Less(t, n, 10)
	})
}

// A tick that another timer has made late knows its time. (It did not.)
func TestTimerEveryAfterASlowOne(t *testing.T) {
	inBubble(t, func(t *testing.T, th *ste.Thread) {
		begun := time.Now()
		_, err := th.AfterFunc(10*time.Second, func() { time.Sleep(50 * time.Second) })
		require.NoError(t, err)
		var tm *ste.Timer
		var tick ste.Tick
		require.NoError(t, th.Submit(func() {
			tm, err = th.Every(10*time.Second, func(k ste.Tick) { tick = k; tm.Stop() })
		}))
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		require.NoError(t, th.Submit(func() {}))
		require.Equal(t, 60*time.Second, tick.Due.Sub(begun))
		require.Equal(t, 5, tick.Missed)
	})
}

// Between a task that arms a timer for at once and that timer no other task runs.
func TestTimerInTheMiddleOfPosts(t *testing.T) {
	th := start(t)
	hold := make(chan struct{})
	require.NoError(t, th.Post(func() { <-hold }))
	ran, atTick := 0, -1
	require.NoError(t, th.Post(func() {
		_, err := th.AfterFunc(0, func() { atTick = ran })
		require.NoError(t, err)
	}))
	for range 20 {
		require.NoError(t, th.Post(func() { ran++ }))
	}
	close(hold)
	require.NoError(t, th.Submit(func() {}))
	require.Equal(t, 20, ran)
	require.Zero(t, atTick)
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

// Missed is never negative, also where an int has 32 bits.
func TestTimerMissedMany(t *testing.T) {
	inBubble(t, func(t *testing.T, th *ste.Thread) {
		missed := 0
		require.NoError(t, th.Submit(func() {
			var every *ste.Timer
			every, err := th.Every(1, func(k ste.Tick) { missed = k.Missed; every.Stop() })
			require.NoError(t, err)
			time.Sleep(3 * time.Second)
		}))
		require.NoError(t, th.Submit(func() {}))
		require.Greater(t, missed, 1_000_000_000)
	})
}
