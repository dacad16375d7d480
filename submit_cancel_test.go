package ste_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// T12: SubmitContext gives up while f is queued, with the context's cause, and
// then f never runs; a ctx that has ended at the call is refused.
func TestT12CancelQueued(t *testing.T) {
	th := start(t)
	block := make(chan struct{})
	require.NoError(t, th.Post(func() { <-block }))
	cause := errors.New("no longer wanted")
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(5*time.Millisecond, func() { cancel(cause) })
	require.Equal(t, cause, th.SubmitContext(ctx, func() { t.Error("ran") }))
	require.Equal(t, cause, th.SubmitContext(ctx, func() { t.Error("ran") }))
	short, stop := context.WithTimeout(context.Background(), time.Millisecond)
	defer stop()
	require.ErrorIs(t, th.SubmitContext(short, func() { t.Error("ran") }), context.DeadlineExceeded)
	close(block)
	require.NoError(t, th.Submit(func() {}))
}

// T4, T12: a Context that does not keep its own contract cannot make a call
// return before its f.
func TestT12OddContexts(t *testing.T) {
	th := start(t)
	block := make(chan struct{})
	require.NoError(t, th.Post(func() { <-block }))
	f := func() { t.Error("ran after its call was over") }
	_, v := testkit.Within(t, func() {
		th.SubmitContext(testkit.OddContext{Context: context.Background(), OnDone: func() <-chan struct{} { panic("odd") }}, f)
	})
	require.Equal(t, "odd", v)
	silent := testkit.OddContext{Context: context.Background(), OnDone: func() <-chan struct{} {
		c := make(chan struct{})
		close(c)
		return c
	}}
	require.Equal(t, context.Canceled, th.SubmitContext(silent, f))
	close(block)
	require.NoError(t, th.Submit(func() {}))
}

// T12: cancellation races the start of f. Either f ran and the call says nil, or
// it never runs and the call says why.
func TestT12CancelRace(t *testing.T) {
	th := start(t)
	ran, gaveUp := 0, 0
	for i := range testkit.Rounds(2) {
		ctx, cancel := context.WithCancel(context.Background())
		started := false
		var err error
		var wg sync.WaitGroup
		wg.Add(2)
		b := testkit.NewBarrier(2)
		go func() {
			defer wg.Done()
			b.Wait()
			err = th.SubmitContext(ctx, func() { started = true })
		}()
		go func() {
			defer wg.Done()
			b.Wait()
			for range i % 64 {
				runtime.Gosched()
			}
			cancel()
		}()
		wg.Wait()
		require.NoError(t, th.Submit(func() {})) // a task that is late would run by now
		if err == nil {
			require.True(t, started)
			ran++
		} else {
			require.ErrorIs(t, err, context.Canceled)
			require.False(t, started)
			gaveUp++
		}
	}
	t.Logf("ran %d, gave up %d", ran, gaveUp)
}

// T7: tasks cancelled behind one that hangs leave no trace, however many.
func TestT7CancelledAreUnlinked(t *testing.T) {
	th := start(t)
	hang, hung := make(chan struct{}), make(chan struct{})
	require.NoError(t, th.Post(func() { close(hung); <-hang }))
	<-hung
	before := memory()
	for range 200 {
		fs := make([]func(), 50)
		ctx, cancel := context.WithCancel(context.Background())
		for i := range fs {
			fs[i] = func() { assert.Error(t, th.SubmitContext(ctx, func() {})) }
		}
		fs[0] = cancel
		testkit.Together(t, fs...)
	}
	require.Less(t, memory().HeapAlloc, before.HeapAlloc+1<<18)
	close(hang)
}
