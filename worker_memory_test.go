package ste_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

func memory() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}

// T7: after a task has ended, however it ended, nothing of it is retained, while
// the Thread lives on and is idle or busy with something else.
func TestT7NothingKept(t *testing.T) {
	type big [1 << 12]byte
	hang, hung := make(chan struct{}), make(chan struct{})
	ctx := context.Background()
	for name, use := range map[string]func(*ste.Thread, func(*big)){
		"Submit": func(th *ste.Thread, touch func(*big)) {
			b := new(big)
			th.Submit(func() { touch(b) })
		},
		"Post": func(th *ste.Thread, touch func(*big)) {
			b := new(big)
			th.Post(func() { touch(b) })
			th.Submit(func() {})
		},
		"Call with a result": func(th *ste.Thread, touch func(*big)) {
			ste.Call(th, func() (*big, error) { b := new(big); touch(b); return b, nil })
		},
		"Async": func(th *ste.Thread, touch func(*big)) {
			fu, _ := ste.Async(th, func() (*big, error) { b := new(big); touch(b); return b, nil })
			fu.Wait(ctx)
		},
		"panic with it": func(th *ste.Thread, touch func(*big)) {
			defer func() { recover() }()
			th.Submit(func() { b := new(big); touch(b); panic(b) })
		},
		"posted panic with it": func(th *ste.Thread, touch func(*big)) {
			th.Post(func() { b := new(big); touch(b); panic(b) })
			th.Submit(func() {})
		},
		"Goexit": func(th *ste.Thread, touch func(*big)) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				b := new(big)
				th.Submit(func() { touch(b); runtime.Goexit() })
			}()
			<-done
		},
		"cancelled behind a task that hangs": func(th *ste.Thread, touch func(*big)) {
			th.Post(func() { close(hung); <-hang })
			<-hung
			b := new(big)
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Millisecond, cancel)
			touch(b)
			th.SubmitContext(ctx, func() { touch(b) })
		},
		"Call": func(th *ste.Thread, touch func(*big)) {
			b := new(big)
			ste.Call(th, func() (int, error) { touch(b); return 1, nil })
		},
		"dropped": func(th *ste.Thread, touch func(*big)) {
			started, end := make(chan struct{}), make(chan struct{})
			th.Post(func() { close(started); <-end })
			<-started
			b := new(big)
			touch(b)
			th.Post(func() { touch(b) })
			th.Shutdown(testkit.Ended())
			close(end)
		},
	} {
		t.Run(name, func(t *testing.T) {
			th := start(t, ste.WithErrorHandler(func(error) {}))
			var made, gone atomic.Int32
			use(th, func(b *big) {
				if made.CompareAndSwap(0, 1) {
					runtime.AddCleanup(b, func(int) { gone.Add(1) }, 0)
				}
			})
			require.EqualValues(t, 1, made.Load())
			require.True(t, testkit.Collect(func() bool { return gone.Load() == 1 }), "retained")
			if name == "cancelled behind a task that hangs" {
				close(hang)
			}
		})
	}
}

// T7: the memory of a burst is released once the Thread has caught up.
func TestT7BurstIsReleased(t *testing.T) {
	th := start(t)
	before := memory()
	hang := make(chan struct{})
	require.NoError(t, th.Post(func() { <-hang }))
	for range 1_000_000 {
		require.NoError(t, th.Post(func() {}))
	}
	require.Greater(t, memory().HeapAlloc, before.HeapAlloc+1<<22)
	close(hang)
	require.NoError(t, th.Submit(func() {}))
	require.True(t, testkit.Collect(func() bool {
		return memory().HeapAlloc < before.HeapAlloc+1<<18
	}), "the burst's memory stays")
}

// New and Close in a loop leave no goroutine, no OS thread and no memory behind.
func TestNewCloseLeaksNothing(t *testing.T) {
	cycle := func() {
		th, err := ste.New()
		require.NoError(t, err)
		require.NoError(t, th.Submit(func() {}))
		require.NoError(t, th.Close())
	}
	for range 100 {
		cycle()
	}
	before, goroutines := memory(), runtime.NumGoroutine()
	for range max(testkit.Rounds(100), 500) {
		cycle()
	}
	require.True(t, testkit.Collect(func() bool {
		return runtime.NumGoroutine() <= goroutines && memory().HeapAlloc < before.HeapAlloc+1<<18
	}), "goroutines %d, then %d; heap %d, then %d", goroutines, runtime.NumGoroutine(), before.HeapAlloc, memory().HeapAlloc)
}
