package ste_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/stretchr/testify/require"
)

func becomesGarbage(t *testing.T, what string, gone *atomic.Bool) {
	t.Helper()
	for range 100 {
		runtime.GC()
		if gone.Load() {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Errorf("%s: kept for ever", what)
}

type selfHolder struct {
	l   *ste.Local[int]
	big [1 << 16]byte
}

func (h *selfHolder) open() (int, error) { return int(h.big[0]), nil }

// T7: a closed Local whose open is a method of the struct that holds it.
func TestT7ClosedLocalOfAMethod(t *testing.T) {
	for _, c := range []struct {
		name       string
		get, close bool
	}{{"no value, not closed", false, false}, {"no value, closed", false, true}, {"value, closed", true, true}} {
		var gone atomic.Bool
		th := start(t)
		func() {
			h := new(selfHolder)
			runtime.AddCleanup(h, func(g *atomic.Bool) { g.Store(true) }, &gone)
			h.l = ste.NewLocal(h.open, nil)
			if c.get {
				require.NoError(t, th.Submit(func() { h.l.Get() }))
			}
			if c.close {
				require.NoError(t, h.l.Close())
			}
		}()
		require.NoError(t, th.Submit(func() {}))
		becomesGarbage(t, c.name, &gone)
	}
}

type selfWrapper struct {
	th *ste.Thread
	l  *ste.Local[int]
}

func (w *selfWrapper) open() (int, error) { return int(w.th.Tag().ID()), nil }

// T14: and with it the Thread.
func TestT14ClosedLocalOfAMethod(t *testing.T) {
	done := func() <-chan struct{} {
		th, err := ste.New()
		require.NoError(t, err)
		w := &selfWrapper{th: th}
		w.l = ste.NewLocal(w.open, nil)
		require.NoError(t, th.Submit(func() { w.l.Get() }))
		require.NoError(t, w.l.Close())
		return th.Done()
	}()
	for range 100 {
		runtime.GC()
		select {
		case <-done:
			return
		case <-time.After(2 * time.Millisecond):
		}
	}
	t.Error("T14: the Thread is never closed, though its Local is")
}

// A Close inside close makes the error vanish when the Close outside was refused.
func TestLocalErrorIsHeard(t *testing.T) {
	var told []error
	a, b := start(t, ste.WithErrorHandler(func(err error) { told = append(told, err) })), start(t)
	var l *ste.Local[int]
	l = ste.NewLocal(func() (int, error) { return 0, nil }, func(*int) error {
		_ = l.Close() // once more does no harm
		return errors.New("of close")
	})
	require.NoError(t, a.Submit(func() {
		l.Get()
		require.NoError(t, b.Submit(func() {
			err := l.Close()
			require.ErrorIs(t, err, ste.ErrDeadlock)
			require.NotContains(t, err.Error(), "of close")
		}))
	}))
	require.NoError(t, a.Submit(func() {}))
	require.Len(t, told, 1, "the error of close reached nobody")
}

type endingContext struct {
	context.Context
	cancel func()
}

func (c endingContext) Done() <-chan struct{} { c.cancel(); return c.Context.Done() }

var errCause = errors.New("the cause")

// Each: the end of ctx, met together with a closing Thread, is told as ErrClosed.
func TestLocalEachCause(t *testing.T) {
	l := ste.NewLocal(func() (int, error) { return 0, nil }, nil)
	th := start(t)
	hold := make(chan struct{})
	require.NoError(t, th.Submit(func() { l.Get() }))
	require.NoError(t, th.Post(func() { <-hold }))
	go th.Close()
	for !th.Closed() {
		runtime.Gosched()
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	err := l.Each(endingContext{ctx, func() { cancel(errCause) }}, func(ste.Tag, *int) error { return nil })
	close(hold)
	require.Equal(t, errCause, err)
}

// Same, with nothing contrived: Each and Shutdown share a ctx.
func TestLocalEachCauseRace(t *testing.T) {
	n := 0
	for range 300 {
		l := ste.NewLocal(func() (int, error) { return 0, nil }, nil)
		th, err := ste.New()
		require.NoError(t, err)
		hold, in := make(chan struct{}), make(chan struct{})
		require.NoError(t, th.Submit(func() { l.Get() }))
		require.NoError(t, th.Post(func() { close(in); <-hold }))
		<-in
		ctx, cancel := context.WithCancelCause(context.Background())
		got := make(chan error)
		go func() { got <- l.Each(ctx, func(ste.Tag, *int) error { return nil }) }()
		shut := make(chan error)
		time.Sleep(200 * time.Microsecond)
		go func() { shut <- th.Shutdown(ctx) }()
		time.Sleep(200 * time.Microsecond)
		cancel(errCause)
		if err := <-got; err != errCause && err != nil { // nil: the Thread was closing already
			n++
		}
		<-shut
		close(hold)
		<-th.Done()
		l.Close()
	}
	require.Zero(t, n, "of 300")
}

// In the 256th close inside of each other RunPending runs tasks.
func TestRunPendingInManyCloses(t *testing.T) {
	th := start(t)
	const n = 256
	ls := make([]*ste.Local[int], n)
	ran := -1
	for i := range ls {
		ls[i] = ste.NewLocal(func() (int, error) { return 0, nil }, func(*int) error {
			if i+1 < n {
				return ls[i+1].Close()
			}
			ran = th.RunPending()
			return nil
		})
	}
	require.NoError(t, th.Submit(func() {
		for _, l := range ls {
			l.Get()
		}
		require.NoError(t, th.Post(func() {}))
		require.NoError(t, ls[0].Close())
	}))
	require.Zero(t, ran, "RunPending in a hook ran tasks")
}

// After a burst of Locals closed oldest first, new Locals get the highest slots, and
// each Thread with one value has a table for all.
func TestLocalSlotsStayLow(t *testing.T) {
	perThread := func() int64 {
		l := ste.NewLocal(func() (int, error) { return 0, nil }, nil)
		defer l.Close()
		const n = 50
		var ths []*ste.Thread
		for range n {
			th, err := ste.New()
			require.NoError(t, err)
			require.NoError(t, th.Submit(func() {}))
			ths = append(ths, th)
		}
		defer func() {
			for _, th := range ths {
				th.Close()
			}
		}()
		heap := func() uint64 {
			runtime.GC()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		for _, th := range ths {
			require.NoError(t, th.Submit(func() { l.Get() }))
		}
		runtime.KeepAlive(ths)
		return (int64(heap()) - int64(before)) / n
	}
	perThread()
	ls := make([]*ste.Local[int], 100_000)
	for i := range ls {
		ls[i] = ste.NewLocal(func() (int, error) { return 0, nil }, nil)
	}
	for _, l := range ls {
		require.NoError(t, l.Close())
	}
	ls = nil
	for range 5 {
		runtime.GC()
		time.Sleep(5 * time.Millisecond)
	}
	require.Less(t, perThread(), int64(5000), "bytes; it was 15,000 with the highest slots")
}
