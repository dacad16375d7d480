package ste_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"testing"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// T8: a waiting caller panics with the original value and the Thread's stack,
// and the Thread serves on.
func TestT8WaitingCallersPanic(t *testing.T) {
	th := start(t, ste.WithName("gl"))
	cause := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	for name, call := range map[string]func(func()){
		"Submit":        func(f func()) { th.Submit(f) },
		"SubmitContext": func(f func()) { th.SubmitContext(context.Background(), f) },
		"Call":          func(f func()) { ste.Call(th, func() (int, error) { f(); return 0, nil }) },
		"Wait": func(f func()) {
			fu, err := ste.Async(th, func() (int, error) { f(); return 0, nil })
			require.NoError(t, err)
			fu.Wait(context.Background())
		},
	} {
		t.Run(name, func(t *testing.T) {
			pe := testkit.PanicOf[*ste.PanicError](t, func() { call(func() { testkit.BoomFrame(cause) }) })
			require.Same(t, cause, pe.Value)
			require.Equal(t, th.Tag(), pe.Tag)
			require.Contains(t, string(pe.Stack), "BoomFrame")
			require.ErrorIs(t, pe, fs.ErrNotExist)
			var path *fs.PathError
			require.ErrorAs(t, pe, &path)
			require.Contains(t, pe.Error(), "ste: panic on Thread")
			require.Contains(t, pe.Error(), "(gl)")
			require.Contains(t, pe.Error(), "BoomFrame")
			require.NoError(t, th.Submit(func() {}))
		})
	}
}

// T8: what kinds of panics there are.
func TestT8Values(t *testing.T) {
	th := start(t)
	t.Run("not an error", func(t *testing.T) {
		pe := testkit.PanicOf[*ste.PanicError](t, func() { th.Submit(func() { panic(42) }) })
		require.Equal(t, 42, pe.Value)
		require.NoError(t, pe.Unwrap())
	})
	t.Run("nil", func(t *testing.T) {
		pe := testkit.PanicOf[*ste.PanicError](t, func() { th.Submit(func() { panic(nil) }) })
		var nilPanic *runtime.PanicNilError
		require.ErrorAs(t, pe, &nilPanic)
	})
	t.Run("runtime error", func(t *testing.T) {
		var m map[string]int
		pe := testkit.PanicOf[*ste.PanicError](t, func() { th.Submit(func() { m["x"] = 1 }) })
		var re runtime.Error
		require.ErrorAs(t, pe, &re)
	})
	t.Run("deferred", func(t *testing.T) {
		pe := testkit.PanicOf[*ste.PanicError](t, func() {
			th.Submit(func() {
				defer func() { panic("second") }()
				panic("first")
			})
		})
		require.Equal(t, "second", pe.Value)
	})
	t.Run("deferred while Goexit", func(t *testing.T) {
		pe := testkit.PanicOf[*ste.PanicError](t, func() {
			th.Submit(func() {
				defer testkit.BoomFrame("in defer")
				runtime.Goexit()
			})
		})
		require.Equal(t, "in defer", pe.Value)
		require.NoError(t, th.Submit(func() {}))
	})
	t.Run("recovered by the task", func(t *testing.T) {
		require.NoError(t, th.Submit(func() {
			defer func() { recover() }()
			panic("private")
		}))
	})
	t.Run("in place", func(t *testing.T) {
		require.NoError(t, th.Submit(func() {
			defer func() { require.Equal(t, "plain", recover()) }()
			th.Submit(func() { panic("plain") })
		}))
	})
}

// T8: panic(nil) is a panic also where recover does not see it, with the old meaning of
// GODEBUG=panicnil=1, and not a Goexit.
func TestT8PanicNil(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	isNil := func(err error) {
		t.Helper()
		var nilPanic *runtime.PanicNilError
		require.ErrorAs(t, err, &nilPanic)
	}
	told := make(chan error, 1)
	th := start(t, ste.WithErrorHandler(func(err error) { told <- err }))
	isNil(testkit.PanicOf[*ste.PanicError](t, func() { th.Submit(func() { panic(nil) }) }))
	require.NoError(t, th.Post(func() { panic(nil) }))
	isNil(testkit.Await(t, told))
	fu, err := ste.Async(th, func() (int, error) { panic(nil) })
	require.NoError(t, err)
	isNil(testkit.PanicOf[*ste.PanicError](t, func() { fu.Wait(context.Background()) }))
	_, err = ste.New(ste.WithInit(func() error { panic(nil) }))
	isNil(err)
	require.NoError(t, th.Submit(func() {}))
}

// T8: a panic that crosses a second Thread stays the same value, and tells where
// it began.
func TestT8AcrossThreads(t *testing.T) {
	a, b := start(t, ste.WithName("a")), start(t, ste.WithName("b"))
	var inner any
	pe := testkit.PanicOf[*ste.PanicError](t, func() {
		a.Submit(func() {
			defer func() { inner = recover(); panic(inner) }()
			b.Submit(func() { testkit.BoomFrame("deep") })
		})
	})
	require.Same(t, inner, pe)
	require.Equal(t, b.Tag(), pe.Tag)
	require.Equal(t, "deep", pe.Value)
}

// T8: a panic that nobody waits for reaches the handler, on the Thread, right
// after the task.
func TestT8Handler(t *testing.T) {
	var got []error
	var trace []string
	th := start(t, ste.WithErrorHandler(func(err error) {
		require.True(t, ste.Current().Thread().OnThread())
		got = append(got, err)
		trace = append(trace, "handler")
	}))
	block := make(chan struct{})
	th.Post(func() { <-block })
	require.NoError(t, th.Post(func() { testkit.BoomFrame(os.ErrPermission) }))
	require.NoError(t, th.Post(func() { trace = append(trace, "next") }))
	close(block)
	require.NoError(t, th.Submit(func() {}))
	require.Equal(t, []string{"handler", "next"}, trace)
	require.Len(t, got, 1)
	require.ErrorIs(t, got[0], os.ErrPermission)
	require.Contains(t, got[0].Error(), "BoomFrame")
}

// T8: without a handler a posted panic kills the process, with the task's frames
// in the output, as any goroutine's panic does; so does one after thousands of
// Goexits, an unclaimed one, and a handler's own.
func TestT8CrashWithoutHandler(t *testing.T) {
	for _, name := range []string{"posted panic", "posted panic after Goexits", "unclaimed panic at Close", "unclaimed panic collected", "panic in the handler"} {
		t.Run(name, func(t *testing.T) {
			out, code := testkit.RunChild(t, name)
			require.Equal(t, 2, code, out)
			require.Contains(t, out, "panic: ste: ")
			require.Contains(t, out, "fire in the engine room")
			require.Contains(t, out, "BoomFrame", "the task's frames")
			require.NotContains(t, out, "survived")
		})
	}
}

func init() {
	boom := func() { testkit.BoomFrame("fire in the engine room") }
	linger := func(th *ste.Thread) {
		for range 100 {
			th.Submit(func() {})
			runtime.GC()
		}
		fmt.Println("survived")
	}
	testkit.Children["posted panic"] = func() {
		th, _ := ste.New()
		th.Post(boom)
		linger(th)
	}
	testkit.Children["posted panic after Goexits"] = func() {
		th, _ := ste.New()
		for range 5000 {
			th.Post(runtime.Goexit)
		}
		th.Post(boom)
		linger(th)
	}
	testkit.Children["unclaimed panic at Close"] = func() {
		th, _ := ste.New()
		fu, _ := ste.Async(th, func() (int, error) { boom(); return 0, nil })
		th.Close()
		runtime.KeepAlive(fu)
		fmt.Println("survived")
	}
	testkit.Children["unclaimed panic collected"] = func() {
		th, _ := ste.New()
		ste.Async(th, func() (int, error) { boom(); return 0, nil })
		linger(th)
	}
	testkit.Children["panic in the handler"] = func() {
		th, _ := ste.New(ste.WithErrorHandler(func(error) { boom() }))
		th.Post(func() { panic("first") })
		linger(th)
	}
}

// T8: a panic in WithInit is New's error.
func TestT8Init(t *testing.T) {
	th, err := ste.New(ste.WithInit(func() error { testkit.BoomFrame(os.ErrExist); return nil }))
	require.Nil(t, th)
	require.ErrorIs(t, err, os.ErrExist)
	var pe *ste.PanicError
	require.ErrorAs(t, err, &pe)
	require.Contains(t, string(pe.Stack), "BoomFrame")
}

// T8: panics, Goexits and errors of teardowns are Close's error, and the other
// teardowns still run.
func TestT8T9Teardowns(t *testing.T) {
	var ran []int
	hook := func(n int, end func() error) ste.Option {
		return ste.WithTeardown(func() error { ran = append(ran, n); return end() })
	}
	th := start(t,
		hook(1, func() error { return os.ErrInvalid }),
		hook(2, func() error { runtime.Goexit(); return nil }),
		hook(3, func() error { testkit.BoomFrame(os.ErrExist); return nil }),
		hook(4, func() error { return nil }),
	)
	err := th.Close()
	require.Equal(t, []int{4, 3, 2, 1}, ran)
	require.ErrorIs(t, err, os.ErrInvalid)
	require.ErrorIs(t, err, os.ErrExist)
	require.ErrorContains(t, err, "called runtime.Goexit")
	require.Equal(t, err, th.Close())
}

// T8: nil for f or ctx, and the zero Thread, panic at the call.
func TestT8NilAndZero(t *testing.T) {
	th := start(t)
	var zero ste.Thread
	var zeroFuture ste.Future[int]
	fu, err := ste.Async(th, func() (int, error) { return 1, nil })
	require.NoError(t, err)
	ctx := context.Background()
	f := func() {}
	g := func() (int, error) { return 0, nil }
	for name, call := range map[string]func(){
		"Submit(nil)":             func() { th.Submit(nil) },
		"SubmitContext(nil, f)":   func() { th.SubmitContext(nil, f) }, //lint:ignore SA1012 on purpose
		"SubmitContext(ctx, nil)": func() { th.SubmitContext(ctx, nil) },
		"Post(nil)":               func() { th.Post(nil) },
		"Call(nil)":               func() { ste.Call[int](th, nil) },
		"Async(nil)":              func() { ste.Async[int](th, nil) },
		"Wait(nil)":               func() { fu.Wait(nil) },     //lint:ignore SA1012 on purpose
		"Shutdown(nil)":           func() { th.Shutdown(nil) }, //lint:ignore SA1012 on purpose
		"WithInit(nil)":           func() { ste.WithInit(nil) },
		"WithTeardown(nil)":       func() { ste.WithTeardown(nil) },
		"WithErrorHandler(nil)":   func() { ste.WithErrorHandler(nil) },
		"New(nil)":                func() { ste.New(nil) },
		"nil Thread":              func() { (*ste.Thread)(nil).Submit(f) },
		"nil Future":              func() { (*ste.Future[int])(nil).Wait(ctx) },
		"nil Tagged":              func() { (*ste.Tagged[int])(nil).Get() },
		"zero Submit":             func() { zero.Submit(f) },
		"zero SubmitContext":      func() { zero.SubmitContext(ctx, f) },
		"zero Post":               func() { zero.Post(f) },
		"zero Call":               func() { ste.Call(&zero, g) },
		"zero Async":              func() { ste.Async(&zero, g) },
		"zero Close":              func() { zero.Close() },
		"zero Shutdown":           func() { zero.Shutdown(ctx) },
		"zero Done":               func() { zero.Done() },
		"zero Tag":                func() { zero.Tag() },
		"zero OnThread":           func() { zero.OnThread() },
		"zero Future.Wait":        func() { zeroFuture.Wait(ctx) },
		"zero Future.Done":        func() { zeroFuture.Done() },
	} {
		returned, v := testkit.Within(t, call)
		require.False(t, returned, name)
		require.IsType(t, "", v, name)
		require.Regexp(t, "^ste: ", v, name)
	}
	require.NoError(t, th.Submit(f), "the Thread is unharmed")
	require.False(t, errors.As(errors.New("x"), new(*ste.PanicError)))
}
