package ste_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// T9: the waiting caller of a task that calls Goexit exits too, in every way of
// waiting, and its deferred calls run.
func TestT9CallersExit(t *testing.T) {
	th := start(t)
	fu, err := ste.Async(th, func() (int, error) { runtime.Goexit(); return 0, nil })
	require.NoError(t, err)
	wait := func() { fu.Wait(context.Background()) }
	for name, call := range map[string]func(){
		"Submit":        func() { th.Submit(runtime.Goexit) },
		"SubmitContext": func() { th.SubmitContext(context.Background(), runtime.Goexit) },
		"Call":          func() { ste.Call(th, func() (int, error) { runtime.Goexit(); return 0, nil }) },
		"Wait":          wait,
		"Wait again":    wait,
	} {
		returned, v := testkit.Within(t, call)
		require.False(t, returned, name)
		require.Nil(t, v, name)
	}
	require.NoError(t, th.Submit(func() {}))
}

// T9, T7: very many Goexits on one Thread: the same OS thread, a flat stack, no
// more goroutines, nothing of the tasks retained, and panics still behave.
func TestT9ManyGoexits(t *testing.T) {
	handled := 0
	th := start(t, ste.WithErrorHandler(func(error) { handled++ }))
	tid := testkit.OSThreadOf(t, th)
	before := memory()
	const n = 100_000
	var alive atomic.Int32
	for i := range n {
		variable := new([64]byte)
		alive.Add(1)
		runtime.AddCleanup(variable, func(int) { alive.Add(-1) }, 0)
		require.NoError(t, th.Post(func() {
			variable[0]++
			defer func() { variable[1]++ }()
			runtime.Goexit()
		}))
		if i%1000 == 999 {
			require.NoError(t, th.Submit(func() {}))
		}
	}
	require.Equal(t, tid, testkit.OSThreadOf(t, th))
	require.True(t, testkit.Collect(func() bool { return alive.Load() == 0 }), "variables of %d Goexited tasks retained", alive.Load())
	after := memory()
	require.Less(t, after.StackInuse, before.StackInuse+1<<20)
	require.Less(t, after.HeapAlloc, before.HeapAlloc+1<<20)

	require.Equal(t, "still", testkit.PanicOf[*ste.PanicError](t, func() { th.Submit(func() { testkit.BoomFrame("still") }) }).Value)
	require.NoError(t, th.Post(func() { panic("handled") }))
	require.NoError(t, th.Submit(func() {}))
	require.Equal(t, 1, handled)
	require.Equal(t, tid, testkit.OSThreadOf(t, th))
	require.NoError(t, th.Close())
}

func memory() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m
}

// T9: in WithInit a Goexit ends New's caller; no Thread is left, and the
// teardowns listed before it have run.
func TestT9Init(t *testing.T) {
	var ran []string
	returned, v := testkit.Within(t, func() {
		ste.New(
			ste.WithTeardown(func() error { ran = append(ran, "before"); return nil }),
			ste.WithInit(func() error { runtime.Goexit(); return nil }),
			ste.WithTeardown(func() error { ran = append(ran, "after"); return nil }),
		)
	})
	require.False(t, returned)
	require.Nil(t, v)
	require.Equal(t, []string{"before"}, ran)
}

// T9: a handler that calls Goexit just ends.
func TestT9Handler(t *testing.T) {
	calls := 0
	th := start(t, ste.WithErrorHandler(func(error) { calls++; runtime.Goexit() }))
	for range 3 {
		require.NoError(t, th.Post(func() { panic("x") }))
	}
	require.NoError(t, th.Submit(func() {}))
	require.Equal(t, 3, calls)
}

// T9: require.FailNow inside a Submit fails exactly the test that called it. The
// child runs the three tests below as real tests.
func TestT9FailNow(t *testing.T) {
	cmd := testkit.Command(t, "tests", []string{"-test.run=^TestChildFailNow", "-test.v"})
	out, code := testkit.Output(t, cmd)
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "--- PASS: TestChildFailNowBefore")
	require.Contains(t, out, "--- FAIL: TestChildFailNowInside")
	require.Contains(t, out, "--- PASS: TestChildFailNowAfter")
	require.Contains(t, out, "the deferred call ran")
	require.NotContains(t, out, "went on")
}

var failNowThread = func() *ste.Thread {
	if os.Getenv("STE_CHILD") != "tests" {
		return nil
	}
	th, _ := ste.New()
	return th
}()

func TestChildFailNowBefore(t *testing.T) {
	if failNowThread != nil {
		failNowThread.Submit(func() { require.True(t, true) })
	}
}

func TestChildFailNowInside(t *testing.T) {
	if failNowThread != nil {
		defer fmt.Println("the deferred call ran")
		failNowThread.Submit(func() { require.Fail(t, "in the task") })
		fmt.Println("went on")
	}
}

func TestChildFailNowAfter(t *testing.T) {
	if failNowThread != nil {
		failNowThread.Submit(func() { require.True(t, true) })
	}
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
