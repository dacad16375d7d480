package ste_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// T8, T9: a panic of a timer goes to the handler, after which the Thread goes on.
func TestT8Timers(t *testing.T) {
	told := make(chan error, 1)
	th := start(t, ste.WithErrorHandler(func(err error) { told <- err }))
	_, err := th.AfterFunc(0, func() { panic("oh") })
	require.NoError(t, err)
	var pe *ste.PanicError
	require.ErrorAs(t, testkit.Await(t, told), &pe)
	require.Equal(t, "oh", pe.Value)
	for call, f := range map[string]func(){
		"AfterFunc with a nil func": func() { _, _ = th.AfterFunc(0, nil) },
		"Every with a nil func":     func() { _, _ = th.Every(time.Second, nil) },
		"Stop of a nil Timer":       func() { (*ste.Timer)(nil).Stop() },
		"Stop of the zero Timer":    func() { new(ste.Timer).Stop() },
	} {
		_, value := testkit.Within(t, f)
		require.Contains(t, value, "ste: "+call)
	}
}

// T14: a pending timer keeps its Thread; one that has run or was stopped does not.
func TestT14TimersKeepTheirThread(t *testing.T) {
	for _, stop := range []bool{false, true} {
		var ended, ran atomic.Bool
		th, err := ste.New(ste.WithTeardown(func() error { ended.Store(true); return nil }))
		require.NoError(t, err)
		testkit.Watch(th)
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
		require.True(t, testkit.Collect(func() bool { time.Sleep(time.Millisecond); return ended.Load() }))
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
	testkit.Await(t, ran)
	require.False(t, early, "by the clock of the bubble")
	require.False(t, gate.Load())
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
	require.True(t, testkit.Collect(func() bool { return gone.Load() == 3 }))
}

// T15: timers in steady state allocate nothing.
func TestT15Timers(t *testing.T) {
	if testkit.Instrumented {
		t.Skip("the race detector or the address sanitizer allocates")
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
	testkit.Await(t, done)
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
	testkit.Await(t, started)
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

// T1: what ticks leave of locks and unlocks is put right as after tasks, on a Thread
// that has nothing else to do. (Forty locks ended the process at Close, and forty
// unlocks let the Thread be moved.)
func TestT1StrayLocksInTicks(t *testing.T) {
	out, code := testkit.RunChild(t, "stray locks in ticks")
	require.Zero(t, code, out)
	require.Contains(t, out, "survived")
}

func init() {
	testkit.Children["stray locks in ticks"] = func() {
		for _, stray := range []func(){
			runtime.LockOSThread, func() { testkit.StrayLocks(2) }, runtime.UnlockOSThread, func() { testkit.StrayUnlocks(2) },
		} {
			th, err := ste.New()
			testkit.OrDie(err)
			ticks, tids, over := 0, map[uint64]bool{}, make(chan struct{})
			tm, err := th.Every(100*time.Microsecond, func(ste.Tick) {
				tids[osthread.ID()] = true
				if ticks++; ticks <= 10*ste.LockDepth {
					stray()
				} else if ticks == 10*ste.LockDepth+1 {
					close(over)
				}
			})
			testkit.OrDie(err)
			<-over
			tm.Stop()
			testkit.OrDie(th.Close())
			if len(tids) != 1 {
				fmt.Println("failed: moved")
				os.Exit(1)
			}
		}
		fmt.Println("survived")
	}
}
