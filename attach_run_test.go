package ste_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
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
	require.Eventually(t, func() bool { return runtime.NumGoroutine() < before+20 }, 10*time.Second, time.Millisecond)
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
