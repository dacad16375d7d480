package ste_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Run serves inside a task until its ctx ends, and says so.
func TestRun(t *testing.T) {
	inTask(t, func(t *testing.T, th *ste.Thread) {
		ctx, cancel := context.WithCancelCause(context.Background())
		oh := errors.New("oh")
		ran := 0
		go func() {
			for range 5 {
				assert.NoError(t, th.Submit(func() { ran++ }))
			}
			time.Sleep(time.Millisecond)
			cancel(oh)
		}()
		ticks := 0
		tm, err := th.Every(200*time.Microsecond, func(ste.Tick) { ticks++ })
		require.NoError(t, err)
		require.Same(t, oh, th.Run(ctx))
		require.Equal(t, 5, ran)
		require.NotZero(t, ticks)
		require.True(t, tm.Stop())
		require.Same(t, oh, th.Run(ctx)) // at once
		th.RunPending()

		ctx2, cancel2 := context.WithCancel(context.Background()) // nothing else wakes it
		time.AfterFunc(2*time.Millisecond, cancel2)
		require.ErrorIs(t, th.Run(ctx2), context.Canceled)
	})
	// Until the Thread closes: then what was accepted runs first.
	th := start(t)
	begun := make(chan struct{})
	result := make(chan error, 1)
	require.NoError(t, th.Post(func() {
		close(begun)
		result <- th.Run(context.Background())
	}))
	testkit.Await(t, begun)
	ran := 0
	for range 100 {
		require.NoError(t, th.Post(func() { ran++ }))
	}
	require.NoError(t, th.Close())
	require.NoError(t, <-result)
	require.Equal(t, 100, ran)
}

// Many enter and leave Run while others come and cancel: nobody is left behind.
func TestRunRaces(t *testing.T) {
	th := start(t)
	for range testkit.Rounds(20) {
		ctx, cancel := context.WithCancel(context.Background())
		testkit.Together(t,
			func() { th.Submit(func() { assert.ErrorIs(t, th.Run(ctx), context.Canceled) }) },
			func() { assert.NoError(t, th.Submit(func() {})) },
			func() {
				inner, stop := context.WithCancel(context.Background())
				go stop()
				assert.NoError(t, th.Post(func() { th.Run(inner) }))
			},
			cancel)
	}
}

// A Run that has ended leaves no goroutine that waits for its ctx.
func TestRunLeavesNoGoroutine(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	before := runtime.NumGoroutine()
	for range 100 {
		require.NoError(t, ste.Attach(func(th *ste.Thread) error {
			require.NoError(t, th.Post(func() { require.NoError(t, th.Close()) }))
			return th.Run(ctx)
		}))
	}
	testkit.Until(t, "the goroutines have ended", func() bool { return runtime.NumGoroutine() < before+20 })
}

// Run says nil only if all is done: a ctx that ends while a closed Thread still has work
// is what it says.
func TestRunClosedButNotDone(t *testing.T) {
	odd := errors.New("enough")
	require.NoError(t, ste.Attach(func(th *ste.Thread) error {
		ctx, cancel := context.WithCancelCause(context.Background())
		require.NoError(t, th.Post(func() {
			require.NoError(t, th.Post(func() {}))
			require.NoError(t, th.Close())
			cancel(odd)
		}))
		require.Equal(t, odd, th.Run(ctx))
		require.NoError(t, th.Run(context.Background()))
		return nil
	}))
}

// Run in the middle of a batch of posts runs the rest of it one at a time: it returns
// before the next when its ctx has ended, and each runs once, in order.
func TestRunInsideABatch(t *testing.T) {
	for range testkit.Rounds(100) {
		th := start(t)
		hold := make(chan struct{})
		require.NoError(t, th.Post(func() { <-hold }))
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var order []int
		for i := range 40 {
			require.NoError(t, th.Post(func() {
				order = append(order, i)
				switch i {
				case 3:
					require.ErrorIs(t, th.Run(ctx), context.Canceled)
					require.Len(t, order, 21)
				case 20:
					cancel()
				}
			}))
		}
		close(hold)
		require.NoError(t, th.Submit(func() {}))
		require.NoError(t, th.Close())
		require.Len(t, order, 40)
		for i, n := range order {
			require.Equal(t, i, n)
		}
	}
}

// The other promises on an attached Thread that runs: order, panics, Goexit,
// Futures, cancellation.
func TestAttachedIsAThread(t *testing.T) {
	for _, wait := range strategies {
		var told []error
		th := running(t, ste.WithWaitStrategy(wait), ste.WithErrorHandler(func(err error) { told = append(told, err) }))
		tid := testkit.OSThreadOf(t, th)
		var v *ste.Tagged[int]
		require.NoError(t, th.Submit(func() { v = ste.NewTagged(3) }))
		_, err := v.TryGet()
		require.Error(t, err)
		next := 0
		for i := range 1000 {
			require.NoError(t, th.Post(func() { require.Equal(t, i, next); next++ }))
		}
		pe := testkit.PanicOf[*ste.PanicError](t, func() { th.Submit(func() { testkit.BoomFrame("oh") }) })
		require.Equal(t, "oh", pe.Value)
		require.Equal(t, th.Tag(), pe.Tag)
		require.Equal(t, 1000, next)
		for range 50 {
			returned, _ := testkit.Within(t, func() { th.Submit(runtime.Goexit) })
			require.False(t, returned)
			require.NoError(t, th.Post(runtime.Goexit))
		}
		require.NoError(t, th.Post(func() { panic("posted") }))
		f, err := ste.Async(th, func() (int, error) { return v.Get(), nil })
		require.NoError(t, err)
		got, err := f.Wait(context.Background())
		require.NoError(t, err)
		require.Equal(t, 3, got)
		require.Equal(t, tid, testkit.OSThreadOf(t, th))
		require.Len(t, told, 1)
		ticks := 0
		ticked := make(chan struct{})
		tm, err := th.Every(time.Millisecond, func(ste.Tick) {
			if ticks++; ticks == 3 {
				close(ticked)
			}
		})
		require.NoError(t, err)
		testkit.Await(t, ticked)
		require.True(t, tm.Stop())
		require.ErrorIs(t, th.SubmitContext(testkit.Ended(), func() {}), context.Canceled)
	}
}

// T11: attached Threads are part of rings; so is what RunPending runs.
func TestT11Attached(t *testing.T) {
	a, b := running(t), start(t)
	err := a.Submit(func() {
		require.NoError(t, b.Submit(func() {
			err := a.Submit(func() { t.Error("ran") })
			require.ErrorIs(t, err, ste.ErrDeadlock)
			require.ErrorContains(t, err, a.Tag().String())
			require.ErrorContains(t, err, b.Tag().String())
		}))
	})
	require.NoError(t, err)

	require.NoError(t, b.Submit(func() {
		require.NoError(t, a.Submit(func() { // b waits for this
			ran := false
			require.NoError(t, a.Post(func() {
				ran = true
				require.ErrorIs(t, b.Submit(func() { t.Error("ran") }), ste.ErrDeadlock)
			}))
			require.Equal(t, 1, a.RunPending())
			require.True(t, ran)
		}))
	}))
}

// T16: an attached Thread in a bubble follows its clock.
func TestT16Attach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 55*time.Second)
		defer cancel()
		ticks := 0
		var woken atomic.Int64
		err := ste.Attach(func(th *ste.Thread) error {
			_, err := th.Every(10*time.Second, func(ste.Tick) { ticks++ })
			require.NoError(t, err)
			require.ErrorIs(t, th.Run(ctx), context.DeadlineExceeded)
			require.Equal(t, 55*time.Second, time.Since(begun))
			require.Equal(t, 5, ticks)
			before := woken.Load()
			time.Sleep(15 * time.Second) // a foreign wait
			require.Equal(t, before+1, woken.Load())
			require.Equal(t, 1, th.RunPending())
			require.NoError(t, th.Close())
			return th.Run(context.Background())
		}, ste.WithWaker(func() { woken.Add(1) }))
		require.NoError(t, err)
	})
}

// T1: who leaves a lock behind on an OS thread that is not the Thread's hears of it
// at the end of that RunPending, and a surplus unlock does not free the host before.
func TestT1AttachedLocks(t *testing.T) {
	if runtime.GOARCH == "wasm" {
		t.Skip("no OS threads")
	}
	for _, stray := range []string{"lock", "unlock"} {
		out, code := testkit.RunChild(t, "attached stray "+stray)
		require.NotZero(t, code)
		require.Contains(t, out, "OS thread locking must match")
		require.Contains(t, out, "still locked")
		require.NotContains(t, out, "went on")
	}
	// A task that leaves the count as it found it is free to change it meanwhile, and
	// so is the body between two calls.
	runtime.LockOSThread()
	err := ste.Attach(func(th *ste.Thread) error {
		runtime.LockOSThread()
		require.NoError(t, th.Post(func() { runtime.LockOSThread(); runtime.UnlockOSThread() }))
		require.NoError(t, th.Post(func() { runtime.UnlockOSThread(); runtime.Gosched(); runtime.LockOSThread() }))
		require.Equal(t, 2, th.RunPending())
		runtime.UnlockOSThread()
		require.NoError(t, th.Post(func() {}))
		require.Equal(t, 1, th.RunPending())
		return nil
	})
	require.NoError(t, err)
	require.True(t, lockedHere())
	runtime.UnlockOSThread()
	require.False(t, lockedHere())
}

func init() {
	stray := func(f func()) func() {
		return func() {
			ste.Attach(func(th *ste.Thread) error {
				th.Post(func() {
					f()
					if lockedHere() {
						fmt.Fprintln(os.Stderr, "still locked")
					}
				})
				th.RunPending()
				fmt.Fprintln(os.Stderr, "went on")
				return nil
			})
		}
	}
	testkit.Children["attached stray lock"] = stray(runtime.LockOSThread)
	testkit.Children["attached stray unlock"] = stray(runtime.UnlockOSThread)
}

// T1: an attached Thread leaves its host's locks alone, however many tasks it runs.
func TestT1AttachedRunsMany(t *testing.T) {
	if runtime.GOARCH == "wasm" {
		t.Skip("no OS threads")
	}
	for _, locked := range []bool{false, true} {
		if locked {
			runtime.LockOSThread()
		}
		require.NoError(t, ste.Attach(func(th *ste.Thread) error {
			for range 10 * ste.LockDepth {
				require.NoError(t, th.Post(func() {}))
			}
			require.NoError(t, th.Post(func() { require.NoError(t, th.Close()) }))
			return th.Run(context.Background())
		}))
		require.Equal(t, locked, lockedHere())
	}
	runtime.UnlockOSThread()
	require.False(t, lockedHere())
}

// An error of the end of an attached Thread that Attach has returned is told nobody else
// when the Thread is forgotten.
func TestAttachedErrorIsToldOnce(t *testing.T) {
	told := make(chan error, 1)
	odd := errors.New("odd")
	forgotten := make(chan struct{})
	require.Equal(t, odd, ste.Attach(func(th *ste.Thread) error {
		runtime.AddCleanup(th, func(c chan struct{}) { close(c) }, forgotten)
		return nil
	}, ste.WithTeardown(func() error { return odd }), ste.WithErrorHandler(func(err error) { told <- err })))
	require.True(t, testkit.Collect(func() bool { return testkit.IsClosed(forgotten) }))
	time.Sleep(10 * time.Millisecond)
	require.Empty(t, told)
}
