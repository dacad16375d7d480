package ste_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/stretchr/testify/require"
)

// T7: nothing is kept of what RunPending and Run have run.
func TestT7RunPending(t *testing.T) {
	var freed atomic.Int64
	big := func() *[1000]int {
		p := new([1000]int)
		runtime.SetFinalizer(p, func(*[1000]int) { freed.Add(1) })
		return p
	}
	collected := func(want int64) {
		for range 100 {
			runtime.GC()
			if freed.Load() >= want {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Error("kept", want-freed.Load())
	}
	fill := func(th *ste.Thread) {
		for range 3 {
			p := big()
			th.Post(func() { p[0]++ })
			q := big()
			th.Post(func() { q[0]++; runtime.Goexit() })
			r := big()
			ste.Async(th, func() (int, error) { r[0]++; return 1, nil })
			s := big()
			th.AfterFunc(0, func() { s[0]++; runtime.Goexit() })
			u := big()
			th.Post(func() { u[0]++; th.RunPending() })
		}
	}
	th := start(t)
	require.NoError(t, th.Post(func() {
		fill(th)
		th.RunPending()
		th.RunPending()
		collected(15)
	}))
	fill(th)
	require.NoError(t, th.Submit(func() {}))
	collected(30)
	require.NoError(t, ste.Attach(func(th *ste.Thread) error {
		fill(th)
		th.RunPending()
		th.RunPending()
		collected(45)
		ctx, c := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer c()
		fill(th)
		th.Run(ctx)
		collected(60)
		return nil
	}))
}

// T9: nor does anything grow with the Goexits.
func TestT9RunPendingMemory(t *testing.T) {
	var a, b runtime.MemStats
	require.NoError(t, ste.Attach(func(th *ste.Thread) error {
		round := func(n int) {
			for range n {
				th.Post(runtime.Goexit)
				th.RunPending()
			}
			for range n {
				th.Post(runtime.Goexit)
			}
			th.RunPending()
		}
		round(2000)
		runtime.GC()
		runtime.ReadMemStats(&a)
		round(20000)
		runtime.GC()
		runtime.ReadMemStats(&b)
		return nil
	}))
	require.Less(t, int64(b.HeapInuse)-int64(a.HeapInuse)+int64(b.StackInuse)-int64(a.StackInuse), int64(1<<20))
}
