package ste_test

import (
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
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
			testkit.Await(t, ran)
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
		for i := range testkit.Rounds(5) {
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
		for i := range testkit.Rounds(5) {
			ran := make(chan struct{})
			require.NoError(t, th.Post(func() {}))
			for range i % 50 {
				runtime.Gosched()
			}
			_, err := th.AfterFunc(0, func() { close(ran) })
			require.NoError(t, err, name)
			testkit.Await(t, ran)
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
			ran, atTick, moved, last := 0, -1, 0, time.Now()
			for i := range 1000 {
				require.NoError(t, th.Post(func() {
					ran++
					// Ticks are due when the clock has moved. On some systems (Windows)
					// that takes it longer than all the tasks, so 20 of them wait for it.
					for begun := time.Now(); i%50 == 0 && !time.Now().After(begun); {
					}
					if now := time.Now(); now.After(last) {
						last = now
						moved++
					}
				}))
			}
			_, err := th.AfterFunc(0, func() { atTick = ran })
			require.NoError(t, err)
			ticks := 0
			every, err := th.Every(1, func(ste.Tick) { // always due
				ticks++
				if exits {
					runtime.Goexit()
				}
			})
			require.NoError(t, err)
			close(hold)
			seen := 0
			testkit.Within(t, func() { require.NoError(t, th.Submit(func() { seen = ticks })) })
			every.Stop()
			require.Equal(t, 1000, ran)
			require.LessOrEqual(t, atTick, 1, name)
			require.GreaterOrEqual(t, atTick, 0, name)
			require.GreaterOrEqual(t, seen, 20, name)
			require.Greater(t, seen, moved/10, name)
		}
	}
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

// A deadline beyond the end of time never comes, and does not come at once.
func TestTimerForEver(t *testing.T) {
	th := start(t)
	for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1, 290 * 365 * 24 * time.Hour} {
		tm, err := th.AfterFunc(d, func() { t.Errorf("AfterFunc(%v) ran", d) })
		require.NoError(t, err)
		require.NoError(t, th.Submit(func() {}))
		require.NoError(t, th.Submit(func() { th.RunPending() }))
		require.True(t, tm.Stop())
	}
}
