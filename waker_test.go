package ste_test

import (
	"context"
	"fmt"
	"runtime"
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

// The waker reaches a task that sleeps elsewhere, whatever the race: no post may be
// slept on. ring stands for the foreign wait that remembers one wake-up.
func TestWakerLosesNothing(t *testing.T) {
	ring := make(chan struct{}, 1)
	th := start(t, ste.WithWaker(func() {
		select {
		case ring <- struct{}{}:
		default:
		}
	}))
	stop := false
	pumped := make(chan struct{})
	require.NoError(t, th.Post(func() {
		defer close(pumped)
		for !stop {
			if th.RunPending(); stop {
				return
			}
			testkit.Await(t, ring1(ring))
		}
	}))
	n := testkit.Rounds(1)
	var ran atomic.Int64
	post := func() {
		for i := range n {
			switch i % 4 {
			case 0:
				assert.NoError(t, th.Submit(func() { ran.Add(1) }))
			case 1:
				assert.NoError(t, th.Post(func() { ran.Add(1) }))
			case 2:
				f, err := ste.Async(th, func() (int, error) { ran.Add(1); return 0, nil })
				assert.NoError(t, err)
				f.Wait(context.Background())
			case 3:
				_, err := th.AfterFunc(time.Duration(i%8)*time.Microsecond, func() { ran.Add(1) })
				assert.NoError(t, err)
			}
		}
	}
	testkit.Together(t, post, post)
	for ran.Load() < 2*int64(n) {
		time.Sleep(time.Millisecond) // the last timers
	}
	require.NoError(t, th.Submit(func() { stop = true }))
	testkit.Await(t, pumped)
}

// ring1 is ring as a channel that is closed.
func ring1(ring chan struct{}) chan struct{} {
	c := make(chan struct{})
	go func() { <-ring; close(c) }()
	return c
}

// What the waker promises, step by step.
func TestWaker(t *testing.T) {
	var woken atomic.Int64
	var th *ste.Thread
	var held sync.Mutex
	th = start(t, ste.WithWaker(func() {
		held.Lock() // without locks of the library's: this one may be asked for meanwhile
		defer held.Unlock()
		_ = th.Tag().String()
		woken.Add(1)
	}))
	since := func() int64 { return woken.Swap(0) }
	require.NoError(t, th.Submit(func() {}))
	since()
	sync := make(chan func())
	over := make(chan struct{})
	require.NoError(t, th.Post(func() {
		defer close(over)
		for f := range sync {
			f()
		}
	}))
	do := func(f func()) {
		done := make(chan struct{})
		sync <- func() { defer close(done); f() }
		<-done
	}
	do(func() { th.RunPending() }) // the task may have begun before its own Post looked
	since()
	do(func() {})
	require.Zero(t, since(), "nothing came in")
	for range 1000 {
		require.NoError(t, th.Post(func() {}))
	}
	require.EqualValues(t, 1, since(), "once for many")
	do(func() { require.Equal(t, 1000, th.RunPending()) })
	require.Zero(t, since(), "nothing is left")
	require.NoError(t, th.Post(func() { th.Post(func() {}) }))
	require.EqualValues(t, 1, since())
	do(func() { require.Equal(t, 1, th.RunPending()) })
	require.EqualValues(t, 2, since(), "for the task that posts, and since RunPending has left work")
	do(func() { require.Equal(t, 1, th.RunPending()) })
	require.Zero(t, since())

	go func() { assert.NoError(t, th.Submit(func() {})) }()
	testkit.Until(t, "the waker is called", func() bool { return woken.Load() > 0 })
	do(func() { require.Equal(t, 1, th.RunPending(), "what the waker was called for") })
	since()

	// Timers: a new earliest one wakes, so does one that falls due.
	far, err := th.AfterFunc(time.Hour, func() {})
	require.NoError(t, err)
	require.EqualValues(t, 1, since())
	do(func() { require.Zero(t, th.RunPending()) })
	_, err = th.AfterFunc(2*time.Hour, func() {})
	require.NoError(t, err)
	require.Zero(t, since(), "not the earliest")
	require.True(t, far.Stop())
	soon := func(d time.Duration) (inTime bool) {
		begun := time.Now()
		_, err := th.AfterFunc(d, func() {})
		require.NoError(t, err)
		set, early := since(), 0
		do(func() { early = th.RunPending() })
		if inTime = time.Since(begun) < d; inTime {
			require.EqualValues(t, 1, set)
			require.Zero(t, early)
			testkit.Until(t, "the waker is called", func() bool { return woken.Load() > 0 })
			require.EqualValues(t, 1, since(), "a timer is due")
		}
		testkit.Until(t, "the timer has run", func() bool {
			if early == 0 {
				do(func() { early = th.RunPending() })
			}
			return early == 1
		})
		return inTime
	}
	for d := 50 * time.Millisecond; !soon(d); d *= 2 { // the machine paused, and it was due
		since()
	}

	// Close wakes, once while RunPending has not ended, and once after that.
	go th.Close()
	testkit.Until(t, "the waker is called", func() bool { return woken.Load() > 0 })
	do(func() { require.Zero(t, th.RunPending()) })
	require.EqualValues(t, 2, since())
	do(func() { require.Zero(t, th.RunPending()) })
	require.Zero(t, since())
	close(sync)
	<-over
	testkit.Await(t, th.Done())
}

// T4: a waker that panics or exits ends the process: its Submit could not leave
// before f has ended, and nobody would be woken any more.
func TestWakerEndsBadly(t *testing.T) {
	for how, want := range map[string]string{"panics": "ste: the waker of Thread 1 (lost) panicked: ", "exits": "ste: the waker of Thread 1 (lost) called runtime.Goexit"} {
		out, code := testkit.RunChild(t, "waker "+how)
		require.NotZero(t, code)
		require.Contains(t, out, want)
		require.NotContains(t, out, "went on")
	}
}

func init() {
	bad := func(f func()) func() {
		return func() {
			th, _ := ste.New(ste.WithName("lost"), ste.WithWaker(f))
			begun := make(chan struct{})
			th.Post(func() { close(begun); select {} })
			<-begun
			th.Submit(func() {})
			fmt.Println("went on")
		}
	}
	testkit.Children["waker panics"] = bad(func() { panic("oh") })
	testkit.Children["waker exits"] = bad(runtime.Goexit)
}

// While the loop itself waits for work the waker is left alone.
func TestWakerNotWhenServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var woken atomic.Int64
		th, err := ste.New(ste.WithWaker(func() { woken.Add(1) }))
		require.NoError(t, err)
		ran := 0
		_, err = th.Every(time.Second, func(ste.Tick) { ran++ })
		require.NoError(t, err)
		for range 100 {
			synctest.Wait() // until it sleeps
			require.NoError(t, th.Post(func() { ran++ }))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		require.NoError(t, th.Close())
		// Now and then the task has begun, and has the loop, before its Post looks.
		require.Less(t, woken.Load(), int64(50))
		require.GreaterOrEqual(t, ran, 190)
	})
}

// Nor is it called while Run waits, nor for what is left at the end of the body.
func TestWakerNotWhileRunWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var woken atomic.Int64
		next := make(chan context.CancelFunc)
		var th *ste.Thread
		ran := 0
		go func() {
			assert.NoError(t, ste.Attach(func(here *ste.Thread) error {
				th = here
				for range 100 {
					ctx, cancel := context.WithCancel(context.Background())
					next <- cancel
					assert.ErrorIs(t, th.Run(ctx), context.Canceled)
				}
				return nil
			}, ste.WithWaker(func() { woken.Add(1) })))
			close(next)
		}()
		for cancel := range next {
			synctest.Wait() // until Run sleeps
			require.NoError(t, th.Post(func() { ran++ }))
			synctest.Wait()
			cancel()
		}
		require.Equal(t, 100, ran)
		require.Less(t, woken.Load(), int64(50)) // when the task has begun before its Post looks
	})
	for range testkit.Rounds(20) {
		woken := 0
		require.NoError(t, ste.Attach(func(*ste.Thread) error { return nil }, ste.WithWaker(func() { woken++ })))
		require.Zero(t, woken, "for its own end")
	}
}

// The waker is not called for a timer that was stopped.
func TestWakerForgetsAStoppedTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var woken atomic.Int64
		th, err := ste.New(ste.WithWaker(func() { woken.Add(1) }))
		require.NoError(t, err)
		require.NoError(t, th.Submit(func() {
			for _, stopped := range []bool{true, false} {
				tm, err := th.AfterFunc(time.Hour, func() {})
				require.NoError(t, err)
				th.RunPending()
				woken.Store(0)
				if stopped {
					require.True(t, tm.Stop())
					th.RunPending()
				}
				time.Sleep(2 * time.Hour)
				require.Equal(t, stopped, woken.Load() == 0)
				th.RunPending()
			}
		}))
		require.NoError(t, th.Close())
	})
}

// After the end nobody calls the waker any more: what it writes to may be gone.
func TestWakerIsOverAtTheEnd(t *testing.T) {
	for i := range testkit.Rounds(50) {
		var in atomic.Int64
		slow := ste.WithWaker(func() {
			in.Add(1)
			for range i % 7 {
				runtime.Gosched()
			}
			in.Add(-1)
		})
		th, end := attach(t, func(th *ste.Thread) error {
			for !th.Closed() {
				th.RunPending()
			}
			return nil
		}, slow)
		post := func() {
			for th.Post(func() {}) == nil {
				th.AfterFunc(time.Microsecond, func() {})
			}
		}
		testkit.Together(t, post, post, func() {
			assert.NoError(t, th.Close())
			assert.Zero(t, in.Load())
		})
		require.NoError(t, end())
	}
}

// A Thread with a waker hands out its posts one by one: each may sleep elsewhere.
func TestWakerBetweenPosts(t *testing.T) {
	for name, make := range map[string]func(testing.TB, ...ste.Option) *ste.Thread{"New": start, "Attach": running} {
		t.Run(name, func(t *testing.T) { wakerBetweenPosts(t, make) })
	}
}

func wakerBetweenPosts(t *testing.T, start func(testing.TB, ...ste.Option) *ste.Thread) {
	ring := make(chan struct{}, 1)
	th := start(t, ste.WithWaker(func() {
		select {
		case ring <- struct{}{}:
		default:
		}
	}))
	for range testkit.Rounds(20) {
		hold := make(chan struct{})
		require.NoError(t, th.Post(func() { <-hold }))
		require.NoError(t, th.Post(func() { th.Post(func() {}) })) // calls the waker
		asleep := make(chan struct{})
		require.NoError(t, th.Post(func() {
			select { // of before
			case <-ring:
			default:
			}
			close(asleep)
			testkit.Await(t, ring1(ring))
		}))
		close(hold)
		testkit.Await(t, asleep)
		require.NoError(t, th.Submit(func() {}))
	}
}

// T13: the call of the waker for a Close is not used up by a loop inside RunPending.
func TestWakerForCloseInNestedLoops(t *testing.T) {
	ring := make(chan struct{}, 1)
	wait := func() (rung bool) { // a foreign wait that remembers one wake-up
		select {
		case <-ring:
			return true
		case <-time.After(testkit.Patience()):
			return false
		}
	}
	var closing, lost atomic.Bool
	inner, over := make(chan *ste.Thread), make(chan struct{})
	go func() {
		defer close(over)
		ste.Attach(func(th *ste.Thread) error {
			th.Post(func() { // a dialog, say, with a loop of its own
				<-ring // of that Post
				inner <- th
				wait() // until the Close
				th.RunPending()
				wait() // RunPending has called again, for the Close
			})
			for !closing.Load() {
				th.RunPending() // the Close comes while this runs
				lost.Store(!wait())
			}
			return nil
		}, ste.WithWaker(func() {
			select {
			case ring <- struct{}{}:
			default:
			}
		}))
	}()
	th := <-inner
	closing.Store(true)
	require.NoError(t, th.Close())
	<-over
	require.False(t, lost.Load(), "the body sleeps, and nobody has called since the RunPending in which the Close came")
}

// T15: nor does it cost an allocation for each task if there are a waker and a timer.
func TestT15WakerAndTimer(t *testing.T) {
	if testkit.Instrumented {
		t.Skip("the race detector or the address sanitizer allocates")
	}
	th := start(t, ste.WithWaker(func() {}))
	_, err := th.AfterFunc(time.Hour, func() {})
	require.NoError(t, err)
	f := func() {}
	for range 100 {
		th.Submit(f)
	}
	require.Zero(t, testing.AllocsPerRun(1000, func() { th.Submit(f) }))
}

// The waker is called for a Close again in each task: one that has come up while an
// earlier one was in RunPending has heard nothing yet, and might sleep for ever.
func TestWakerForCloseInALaterTask(t *testing.T) {
	ring := make(chan struct{}, 1)
	lost := false
	wait := func() {
		select {
		case <-ring:
		case <-time.After(testkit.Patience()):
			lost = true
		}
	}
	err := ste.Attach(func(th *ste.Thread) error {
		require.NoError(t, th.Post(func() { // a dialog, say, with a loop of its own
			require.NoError(t, th.Post(func() { // a long task
				require.NoError(t, th.Post(func() { // another dialog
					require.Zero(t, th.RunPending())
					wait()
				}))
				require.NoError(t, th.Close())
			}))
			require.Equal(t, 1, th.RunPending(), "the long task")
			wait() // RunPending has left the other dialog, and called
			require.Equal(t, 1, th.RunPending(), "the other dialog")
		}))
		require.Equal(t, 3, th.RunPending())
		return nil
	}, ste.WithWaker(func() {
		select {
		case ring <- struct{}{}:
		default:
		}
	}))
	require.NoError(t, err)
	require.False(t, lost, "a task sleeps, and nobody has called since the Close")
}
