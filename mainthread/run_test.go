package mainthread_test

import (
	"bytes"
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/ste-go/ste/mainthread"
	"github.com/stretchr/testify/require"
)

// run is Run on the main goroutine, for what must end well.
func run(t *testing.T, f func(*ste.Thread), opts ...ste.Option) {
	t.Helper()
	returned, panicked := onMain(t, func() { mainthread.Run(f, opts...) })
	require.Nil(t, panicked)
	require.True(t, returned)
}

// locked reports whether the calling goroutine is locked to its OS thread.
func locked() bool {
	var buf [200]byte
	header, _, _ := bytes.Cut(buf[:runtime.Stack(buf[:], false)], []byte("\n"))
	return bytes.Contains(header, []byte("locked to thread"))
}

// Tasks, hooks, timers, Bounds and the error handler run on the main thread and are
// on the Thread; f is not.
func TestAllIsOnTheMainThread(t *testing.T) {
	var order []string
	var th *ste.Thread
	note := func(s string) {
		require.True(t, onMainThread(), s)
		require.Equal(t, "main", ste.Current().Name(), s)
		if th != nil {
			require.True(t, th.OnThread(), s)
			require.Equal(t, th.Tag(), ste.Current(), s)
		}
		order = append(order, s)
	}
	hook := func(s string) func() error { return func() error { note(s); return nil } }
	run(t, func(of *ste.Thread) {
		th = of
		require.Equal(t, ste.Tag{}, ste.Current())
		require.False(t, th.OnThread())
		require.Same(t, th, th.Tag().Thread())
		v, err := ste.Call(th, func() (*ste.Tagged[int], error) { note("Call"); return ste.NewTagged(5), nil })
		require.NoError(t, err)
		_, err = v.TryGet()
		var wrong *ste.WrongThreadError
		require.ErrorAs(t, err, &wrong)
		b, err := ste.Bind(th, func() (int, error) { note("open"); return 7, nil }, func(int) error { note("close"); return nil })
		require.NoError(t, err)
		require.NoError(t, b.Do(func(n int) error { note("Do"); require.Equal(t, 12, n+v.Get()); return nil }))
		fu, err := ste.Async(th, func() (int, error) { note("Async"); return v.Get(), nil })
		require.NoError(t, err)
		got, err := fu.Wait(context.Background())
		require.NoError(t, err)
		require.Equal(t, 5, got)
		fired := make(chan struct{})
		_, err = th.AfterFunc(time.Millisecond, func() { defer close(fired); note("timer") })
		require.NoError(t, err)
		testkit.Await(t, fired)
		require.NoError(t, th.Post(func() { panic("posted") }))
		require.NoError(t, th.Submit(func() { note("Submit") }))
	}, ste.WithName("main"), ste.WithErrorHandler(func(error) { note("handler") }),
		ste.WithInit(hook("init")), ste.WithTeardown(hook("teardown")))
	require.Equal(t, []string{"init", "Call", "open", "Do", "Async", "timer", "handler", "Submit", "close", "teardown"}, order)
	require.Nil(t, th.Tag().Thread())
}

// Panics and Goexits of tasks end those tasks and reach who waits for them; the
// Thread goes on, on the main thread.
func TestPanicsAndGoexitsOfTasks(t *testing.T) {
	handled := 0
	run(t, func(th *ste.Thread) {
		for range 100 {
			func() {
				defer func() {
					pe, ok := recover().(*ste.PanicError)
					require.True(t, ok)
					require.Equal(t, "oh", pe.Value)
					require.Equal(t, th.Tag(), pe.Tag)
				}()
				th.Submit(func() { testkit.BoomFrame("oh") })
			}()
			exited := make(chan bool)
			go func() {
				returned := false
				defer func() { exited <- !returned }()
				th.Submit(runtime.Goexit)
				returned = true
			}()
			require.True(t, <-exited)
			require.NoError(t, th.Post(runtime.Goexit))
			require.NoError(t, th.Post(func() { panic("posted") }))
			require.NoError(t, th.Submit(func() { require.True(t, onMainThread()) }))
		}
	}, ste.WithErrorHandler(func(error) { handled++ }))
	require.Equal(t, 100, handled)
}

// What was accepted before f returned runs, in order, before Run returns; timers not
// due are dropped; afterwards nothing is accepted.
func TestDrains(t *testing.T) {
	next := 0
	var of *ste.Thread
	down := false
	hold := make(chan struct{})
	run(t, func(th *ste.Thread) {
		of = th
		require.NoError(t, th.Post(func() { <-hold }))
		_, err := th.AfterFunc(time.Hour, func() { t.Error("ran") })
		require.NoError(t, err)
		for i := range 1000 {
			require.NoError(t, th.Post(func() { require.Equal(t, i, next); next++ }))
		}
		time.AfterFunc(5*time.Millisecond, func() { close(hold) })
	}, ste.WithTeardown(func() error { down = true; require.Equal(t, 1000, next); return nil }))
	require.Equal(t, 1000, next)
	require.True(t, down)
	testkit.Await(t, of.Done())
	require.ErrorIs(t, of.Post(func() {}), ste.ErrClosed)
	require.NoError(t, of.Close())
}

// f may close the Thread, from its own goroutine or in a task, and Run still waits
// for f.
func TestFCloses(t *testing.T) {
	for name, end := range map[string]func(*ste.Thread){
		"Close": func(th *ste.Thread) {
			require.NoError(t, th.Close())
			testkit.Await(t, th.Done())
		},
		"Close in a task": func(th *ste.Thread) {
			require.NoError(t, th.Submit(func() { require.NoError(t, th.Close()) }))
			testkit.Await(t, th.Done())
		},
		"Shutdown": func(th *ste.Thread) {
			require.NoError(t, th.Shutdown(context.Background()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			posted, last := false, false
			run(t, func(th *ste.Thread) {
				require.NoError(t, th.Post(func() { posted = true }))
				end(th)
				require.True(t, posted)
				require.ErrorIs(t, th.Submit(func() {}), ste.ErrClosed)
				time.Sleep(20 * time.Millisecond)
				last = true
			})
			require.True(t, last)
		})
	}
}

// Runs follow each other, each with a Thread of its own, and leave the main goroutine
// as it was: locked, and on no Thread.
func TestSeveralRuns(t *testing.T) {
	returned, panicked := onMain(t, func() {
		var last *ste.Tagged[int]
		for i := range 100 {
			mainthread.Run(func(th *ste.Thread) {
				require.NoError(t, th.Submit(func() {
					require.True(t, onMainThread())
					require.True(t, last == nil || !last.OnThread())
					last = ste.NewTagged(i)
				}))
			})
			require.False(t, last.OnThread())
			require.Equal(t, ste.Tag{}, ste.Current())
			require.True(t, locked() || runtime.GOARCH == "wasm")
		}
	})
	require.Nil(t, panicked)
	require.True(t, returned)
}

// Run finds func main however deep it is called.
func TestDeepBelowFuncMain(t *testing.T) {
	var deep func(n int)
	ran := false
	deep = func(n int) {
		if n > 0 {
			deep(n - 1)
			return
		}
		mainthread.Run(func(th *ste.Thread) { require.NoError(t, th.Submit(func() { ran = true })) })
	}
	for _, depth := range []int{1, 30, 100, 10_000} {
		returned, panicked := onMain(t, func() { deep(depth) })
		require.Nil(t, panicked)
		require.True(t, returned)
		require.True(t, ran)
		ran = false
	}
}
