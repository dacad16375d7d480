package mainthread_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"runtime"
	"testing"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/ste-go/ste/mainthread"
	"github.com/stretchr/testify/require"
)

// panicOf returns the *PanicError with which Run ends on the main goroutine, and
// checks that the queue was drained before.
func panicOf(t *testing.T, f func(*ste.Thread), opts ...ste.Option) *ste.PanicError {
	t.Helper()
	drained := false
	returned, panicked := onMain(t, func() {
		defer func() { require.True(t, drained) }()
		mainthread.Run(func(th *ste.Thread) {
			require.NoError(t, th.Post(func() { drained = true }))
			f(th)
		}, opts...)
	})
	require.False(t, returned)
	require.IsType(t, (*ste.PanicError)(nil), panicked)
	return panicked.(*ste.PanicError)
}

// A panic of f reaches Run's caller with its value and its stack, on no Thread.
func TestPanicOfF(t *testing.T) {
	cause := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	for name, f := range map[string]func(*ste.Thread){
		"in f":     func(*ste.Thread) { testkit.BoomFrame(cause) },
		"deferred": func(*ste.Thread) { defer testkit.BoomFrame(cause); panic("first") },
		"deferred while Goexit": func(*ste.Thread) {
			defer testkit.BoomFrame(cause)
			runtime.Goexit()
		},
		"after Close": func(th *ste.Thread) {
			require.NoError(t, th.Close())
			testkit.BoomFrame(cause)
		},
	} {
		t.Run(name, func(t *testing.T) {
			pe := panicOf(t, f)
			require.Same(t, cause, pe.Value)
			require.Equal(t, ste.Tag{}, pe.Tag)
			require.Contains(t, string(pe.Stack), "BoomFrame")
			require.ErrorIs(t, pe, fs.ErrNotExist)
		})
	}
	t.Run("nil", func(t *testing.T) {
		pe := panicOf(t, func(*ste.Thread) { testkit.BoomFrame(nil) })
		var silent *runtime.PanicNilError
		require.ErrorAs(t, pe, &silent)
		require.Contains(t, string(pe.Stack), "BoomFrame")
	})
	t.Run("a nil PanicError", func(t *testing.T) {
		pe := panicOf(t, func(*ste.Thread) { testkit.BoomFrame((*ste.PanicError)(nil)) })
		require.NotNil(t, pe)
		require.Equal(t, (*ste.PanicError)(nil), pe.Value)
		require.Contains(t, string(pe.Stack), "BoomFrame")
	})
}

// A *PanicError stays the same value, here that of a task for which f has waited.
func TestPanicErrorStaysTheSame(t *testing.T) {
	var first *ste.PanicError
	var tag ste.Tag
	pe := panicOf(t, func(th *ste.Thread) {
		tag = th.Tag()
		defer func() {
			first = recover().(*ste.PanicError)
			panic(first)
		}()
		th.Submit(func() { testkit.BoomFrame("of a task") })
	})
	require.Same(t, first, pe)
	require.Equal(t, "of a task", pe.Value)
	require.Equal(t, tag, pe.Tag)
}

// panic(nil) is a panic, and not a Goexit, also where recover returns nil.
func TestPanicNilUnderGODEBUG(t *testing.T) {
	out, code := testkit.RunChild(t, "panic nil", "GODEBUG=panicnil=1")
	require.Zero(t, code, out)
}

func init() {
	testkit.Children["panic nil"] = func() {
		var t scenario
		defer func() { // a Goexit would come here too, and recover would say nil
			pe, ok := recover().(*ste.PanicError)
			require.True(t, ok)
			require.IsType(t, new(runtime.PanicNilError), pe.Value)
			require.Contains(t, string(pe.Stack), "BoomFrame")
		}()
		func() { // that recover returns nil here is what is special
			defer func() { require.Nil(t, recover()) }()
			panic(nil)
		}()
		mainthread.Run(func(*ste.Thread) { testkit.BoomFrame(nil) })
	}
}

// A panic of f that nobody recovers ends the process with the stack of f, after the
// queue was drained.
func TestPanicOfFEndsTheProcess(t *testing.T) {
	out, code := testkit.RunChild(t, "panic")
	require.Equal(t, 2, code)
	require.Contains(t, out, "panic: ste: panic on no Thread: oh")
	require.Contains(t, out, "BoomFrame")
	require.Contains(t, out, "drained")
}

func init() {
	testkit.Children["panic"] = func() {
		mainthread.Run(func(th *ste.Thread) {
			th.Post(func() { println("drained") })
			testkit.BoomFrame("oh")
		})
	}
}

// A Goexit of f becomes one of Run's caller, after the queue was drained, and so does
// one of an init. The main goroutine can call Run again, in its deferred calls.
func TestGoexit(t *testing.T) {
	for _, of := range []string{"f", "an init"} {
		t.Run(of, func(t *testing.T) {
			out, code := testkit.RunChild(t, "Goexit of "+of)
			require.Zero(t, code, out)
		})
	}
}

func init() {
	var t scenario
	again := func() {
		ran := false
		mainthread.Run(func(th *ste.Thread) { require.NoError(t, th.Submit(func() { ran = true })) })
		require.True(t, ran)
	}
	testkit.Children["Goexit of f"] = func() {
		drained := false
		exits(func() {
			mainthread.Run(func(th *ste.Thread) {
				require.NoError(t, th.Post(func() { drained = true }))
				runtime.Goexit()
			})
		}, func() {
			require.True(t, drained)
			again()
		})
	}
	testkit.Children["Goexit of an init"] = func() {
		exits(func() {
			mainthread.Run(func(*ste.Thread) { t.Errorf("ran"); t.FailNow() },
				ste.WithInit(func() error { runtime.Goexit(); return nil }))
		}, again)
	}
}

// Run panics with the error of Attach, after f has ended: none is lost.
func TestErrorsOfAttach(t *testing.T) {
	oh := errors.New("oh")
	never := func(*ste.Thread) { t.Error("ran") }
	ended := false
	last := func(th *ste.Thread) {
		th.Close()
		ended = true
	}
	teardown := ste.WithTeardown(func() error { return oh })
	for name, c := range map[string]struct {
		f    func(*ste.Thread)
		opts []ste.Option
		text string
	}{
		"bad option": {never, []ste.Option{ste.WithQueueLimit(0)}, "ste: mainthread.Run: ste: WithQueueLimit(0)"},
		"init fails": {never, []ste.Option{ste.WithInit(func() error { return oh })}, "ste: mainthread.Run: oh"},
		"init panics": {never, []ste.Option{ste.WithInit(func() error { testkit.BoomFrame(oh); return nil })},
			"ste: mainthread.Run: ste: panic on Thread"},
		"teardown fails":             {func(*ste.Thread) {}, []ste.Option{teardown}, "ste: mainthread.Run: oh"},
		"teardown fails, f is later": {last, []ste.Option{teardown}, "ste: mainthread.Run: oh"},
	} {
		t.Run(name, func(t *testing.T) {
			returned, panicked := onMain(t, func() { mainthread.Run(c.f, c.opts...) })
			require.False(t, returned)
			err, ok := panicked.(error)
			require.True(t, ok)
			require.ErrorContains(t, err, c.text)
			if name != "bad option" {
				require.ErrorIs(t, err, oh)
			}
		})
	}
	require.True(t, ended)
}

// When f has ended badly that counts, and the error of the closing goes to slog.
func TestErrorsOfTheClosingGoToSlog(t *testing.T) {
	teardown := ste.WithTeardown(func() error { return errors.New("of the teardown") })
	before := slog.Default()
	defer slog.SetDefault(before)
	var log bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))

	require.Equal(t, "oh", panicOf(t, func(*ste.Thread) { testkit.BoomFrame("oh") }, teardown).Value)
	require.Contains(t, log.String(), "ste: mainthread.Run: ")
	require.Contains(t, log.String(), "of the teardown")
}

func TestErrorsOfTheClosingGoToSlogAfterGoexit(t *testing.T) {
	out, code := testkit.RunChild(t, "Goexit and a failed closing")
	require.Zero(t, code)
	require.Contains(t, out, "ste: mainthread.Run: ")
	require.Contains(t, out, "of the teardown")
}

func init() {
	testkit.Children["Goexit and a failed closing"] = func() {
		exits(func() {
			mainthread.Run(func(*ste.Thread) { runtime.Goexit() },
				ste.WithTeardown(func() error { return errors.New("of the teardown") }))
		}, func() {})
	}
}
