package ste_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"testing"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// records is a log that is read back.
type records chan slog.Record

func (r records) Enabled(context.Context, slog.Level) bool { return true }
func (r records) Handle(_ context.Context, record slog.Record) error {
	select {
	case r <- record:
	default: // nobody reads so many
	}
	return nil
}
func (r records) WithAttrs([]slog.Attr) slog.Handler { return r }
func (r records) WithGroup(string) slog.Handler      { return r }

var errOfClosing = errors.New("of the closing")

// unheard are the errors that no call returns, of a Thread with opts.
var unheard = map[string]func(t *testing.T, opts ...ste.Option){
	"close of a Bound in its own use": func(t *testing.T, opts ...ste.Option) {
		th := start(t, opts...)
		b, err := ste.Bind(th, func() (int, error) { return 1, nil }, func(int) error { return errOfClosing })
		require.NoError(t, err)
		require.NoError(t, b.Do(func(int) error { return b.Close() }))
		require.Equal(t, errOfClosing, b.Close(), "who asks later hears it too")
	},
	"teardown of a forgotten Thread": func(t *testing.T, opts ...ste.Option) {
		done := func() <-chan struct{} {
			th, err := ste.New(append(opts, ste.WithTeardown(func() error { return errOfClosing }))...)
			require.NoError(t, err)
			testkit.Watch(th)
			return th.Done()
		}()
		require.True(t, testkit.Collect(func() bool { return testkit.IsClosed(done) }))
	},
	"teardown after an init that exits": func(t *testing.T, opts ...ste.Option) {
		testkit.Within(t, func() {
			_, err := ste.New(append(opts,
				ste.WithTeardown(func() error { return errOfClosing }),
				ste.WithInit(func() error { runtime.Goexit(); return nil }))...)
			t.Error("New returned ", err)
		})
	},
	"teardown after a body that panics": func(t *testing.T, opts ...ste.Option) {
		_, v := testkit.Within(t, func() {
			_ = ste.Attach(func(*ste.Thread) error { panic("body") }, append(opts, ste.WithTeardown(func() error { return errOfClosing }))...)
		})
		require.Equal(t, "body", v)
	},
}

// An error that nobody waits for goes to the error handler and, without one, to slog.
func TestErrorsNobodyWaitsFor(t *testing.T) {
	for name, fail := range unheard {
		logged := make(records, 10)
		testkit.LogTo(t, logged)
		fail(t, ste.WithName("lonely"))
		record := testkit.Await(t, (chan slog.Record)(logged))
		require.Equal(t, slog.LevelError, record.Level)
		require.Equal(t, "ste: error of a Thread that nobody waits for", record.Message)
		attrs := map[string]string{}
		record.Attrs(func(a slog.Attr) bool { attrs[a.Key] = a.Value.String(); return true })
		require.Len(t, attrs, 2)
		require.Regexp(t, `^Thread \d+ \(lonely\)$`, attrs["thread"], name)
		require.Contains(t, attrs["err"], errOfClosing.Error(), name)

		told := make(chan error, 10)
		fail(t, ste.WithErrorHandler(func(err error) { told <- err }))
		require.ErrorIs(t, testkit.Await(t, told), errOfClosing, name)
		require.Empty(t, logged, name)
		require.Empty(t, told, name)
	}
}

// The handler hears of a close that failed on the Thread, where it may use the others.
func TestHandlerHearsOfBoundsOnTheThread(t *testing.T) {
	var th *ste.Thread
	heard := 0
	th = start(t, ste.WithErrorHandler(func(err error) {
		require.ErrorIs(t, err, errOfClosing)
		require.True(t, th.OnThread())
		heard++
	}))
	b, err := ste.Bind(th, func() (int, error) { return 1, nil }, func(int) error { return errOfClosing })
	require.NoError(t, err)
	require.NoError(t, b.Do(func(int) error { return b.Close() }))
	require.NoError(t, th.Submit(func() {}))
	require.Equal(t, 1, heard)
}

// A handler that panics over the close of a Bound ends the process, like any other.
func TestHandlerThatPanicsOverABound(t *testing.T) {
	if runtime.GOARCH == "wasm" {
		t.Skip("no processes")
	}
	out, code := testkit.RunChild(t, "panic in the handler for a Bound")
	require.Equal(t, 2, code, out)
	require.Contains(t, out, "panic: ste: the error handler of Thread")
	require.Contains(t, out, "fire in the engine room")
	require.NotContains(t, out, "survived")
}

func init() {
	testkit.Children["panic in the handler for a Bound"] = func() {
		th, err := ste.New(ste.WithErrorHandler(func(error) { testkit.BoomFrame("fire in the engine room") }))
		testkit.OrDie(err)
		b, err := ste.Bind(th, func() (int, error) { return 1, nil }, func(int) error { return errOfClosing })
		testkit.OrDie(err)
		testkit.OrDie(b.Do(func(int) error { return b.Close() }))
		fmt.Println("survived")
	}
}

// T9: in RunPending, a task panics in a deferred call while Goexit unwinds it, and then
// the error handler calls Goexit.
func TestT9HandlerExitsNested(t *testing.T) {
	for _, way := range []string{"plain", "nested", "attached"} {
		out, code := testkit.RunChild(t, "handler exits "+way)
		require.Zero(t, code, "%.1500s", out)
	}
}

func init() {
	bad := func() {
		defer func() { panic("in a deferred call") }()
		runtime.Goexit()
	}
	h := ste.WithErrorHandler(func(error) { runtime.Goexit() })
	testkit.Children["handler exits plain"] = func() {
		th, _ := ste.New(h)
		th.Post(bad)
		th.Submit(func() {})
		th.Close()
	}
	testkit.Children["handler exits nested"] = func() {
		th, _ := ste.New(h)
		th.Submit(func() { th.Post(bad); th.RunPending() })
		th.Close()
	}
	testkit.Children["handler exits attached"] = func() {
		ste.Attach(func(th *ste.Thread) error { th.Post(bad); th.RunPending(); return nil }, h)
	}
}
