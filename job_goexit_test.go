package ste_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
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
	if os.Getenv(testkit.Variable) != "tests" {
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
