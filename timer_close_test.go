package ste_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
	require.True(t, testkit.Collect(func() bool { return gone.Load() == 10 }))
	goOn()
	require.NoError(t, testkit.Await(t, closed))

	freed := make(chan struct{})
	tm := func() *ste.Timer {
		th, err := ste.New()
		require.NoError(t, err)
		testkit.Watch(th)
		tm, err := th.Every(time.Microsecond, func(ste.Tick) { _ = ste.Current().Thread().Close() })
		require.NoError(t, err)
		<-th.Done()
		runtime.AddCleanup(th, func(int) { close(freed) }, 0)
		return tm
	}()
	require.True(t, testkit.Collect(func() bool { return testkit.IsClosed(freed) }))
	runtime.KeepAlive(tm)
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
	testkit.Await(t, th.Done())
	require.False(t, tm.Stop())
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
		for round := range 21 {
			order, last, stop := rand.Perm(40), 20, true
			if round == 0 { // without those that are dropped, the places of the others make no heap
				order, last, stop = []int{2, 11, 3, 9, 7, 0, 6, 10, 8, 5, 4, 1}, 6, false
			}
			th, err := ste.New()
			require.NoError(t, err)
			begun, hang := make(chan struct{}), make(chan struct{})
			require.NoError(t, th.Post(func() { close(begun); <-hang }))
			<-begun
			var ran, want []int
			var due []*ste.Timer
			for _, ms := range order {
				tm, err := th.AfterFunc(time.Duration(ms)*time.Millisecond, func() { ran = append(ran, ms) })
				require.NoError(t, err)
				if ms > last {
					continue
				}
				if stop && ms%3 == 0 {
					due = append(due, tm)
				} else {
					want = append(want, ms)
				}
			}
			time.Sleep(time.Duration(last)*time.Millisecond + time.Microsecond)
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
