package ste_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// T14: a Thread that nobody holds is closed by the runtime, its queue drained
// first; its error goes to the handler. Tags and Tagged values do not keep it.
func TestT14Forgotten(t *testing.T) {
	told := make(chan error, 1)
	ran := 0
	var tagged *ste.Tagged[int]
	done, tag := func() (<-chan struct{}, ste.Tag) {
		th, err := ste.New(
			ste.WithTeardown(func() error { return os.ErrInvalid }),
			ste.WithErrorHandler(func(err error) { told <- err }))
		require.NoError(t, err)
		testkit.Watch(th)
		th.Submit(func() { tagged = ste.NewTagged(1) })
		for range 100 {
			th.Post(func() { ran++ })
		}
		return th.Done(), th.Tag()
	}()
	require.True(t, testkit.Collect(func() bool { return testkit.IsClosed(done) }), "still running")
	require.Equal(t, 100, ran)
	require.Equal(t, os.ErrInvalid, <-told)
	require.Nil(t, tag.Thread())
	_, err := tagged.TryGet()
	require.ErrorContains(t, err, "has ended")
	runtime.KeepAlive(tagged)
}

// T14: the error of a Thread that closed itself and was then forgotten is not
// lost.
func TestT14ForgottenAfterItsEnd(t *testing.T) {
	told := make(chan error, 1)
	func() {
		th, err := ste.New(
			ste.WithTeardown(func() error { return os.ErrInvalid }),
			ste.WithErrorHandler(func(err error) { told <- err }))
		require.NoError(t, err)
		testkit.Watch(th)
		th.Submit(func() { th.Close() })
		<-th.Done()
	}()
	require.True(t, testkit.Collect(func() bool { return len(told) == 1 }))
	require.Equal(t, os.ErrInvalid, <-told)
}

// T14: a Thread in use by a goroutine inside Submit, SubmitContext, Call, Close
// or in place is not forgotten, even if nobody else holds it.
func TestT14InUseIsKept(t *testing.T) {
	for name, use := range map[string]func(*ste.Thread, func()){
		"Submit":                  func(th *ste.Thread, f func()) { th.Submit(f) },
		"SubmitContext":           func(th *ste.Thread, f func()) { th.SubmitContext(context.Background(), f) },
		"Call":                    func(th *ste.Thread, f func()) { ste.Call(th, func() (int, error) { f(); return 0, nil }) },
		"in place":                func(th *ste.Thread, f func()) { th.Submit(func() { ste.Current().Thread().Submit(f) }) },
		"in place, SubmitContext": alone(func(th *ste.Thread, f func()) { th.SubmitContext(context.Background(), f) }),
		"in place, Call": alone(func(th *ste.Thread, f func()) {
			ste.Call(th, func() (int, error) { f(); return 0, nil })
		}),
		"RunPending": alone(func(th *ste.Thread, f func()) { th.Post(f); th.RunPending() }),
		"Run": alone(func(th *ste.Thread, f func()) {
			ctx, cancel := context.WithCancel(context.Background())
			th.Post(func() { defer cancel(); f() })
			th.Run(ctx)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			th, err := ste.New()
			require.NoError(t, err)
			testkit.Watch(th)
			tag, done := th.Tag(), th.Done()
			ran := make(chan struct{})
			use(th, func() {
				defer close(ran)
				for range 10 {
					runtime.GC()
					time.Sleep(time.Millisecond)
				}
				// Off the Thread: on it, work is accepted in place whatever happens.
				off := make(chan error)
				go func() {
					th := tag.Thread()
					if th == nil {
						off <- errors.New("forgotten")
						return
					}
					off <- th.Post(func() {})
				}()
				assert.NoError(t, <-off, "in use, but closed")
			})
			th = nil
			testkit.Await(t, ran)
			require.True(t, testkit.Collect(func() bool { return testkit.IsClosed(done) }))
		})
	}
}

// alone posts use to the Thread; the handle that use is called with is the only one then.
func alone(use func(*ste.Thread, func())) func(*ste.Thread, func()) {
	return func(th *ste.Thread, f func()) {
		begun := make(chan struct{})
		th.Post(func() {
			here := ste.Current().Thread()
			close(begun)
			use(here, f)
		})
		<-begun
		runtime.KeepAlive(th)
	}
}

// T14: an attached Thread has its handle as long as Attach goes on.
func TestT14AttachedIsKept(t *testing.T) {
	for _, bad := range []bool{false, true} {
		found := func(when string) error {
			for range 5 {
				runtime.GC()
			}
			assert.NotNil(t, ste.Current().Thread(), when)
			return nil
		}
		testkit.Within(t, func() {
			_ = ste.Attach(func(*ste.Thread) error {
				found("body")
				if bad {
					panic("out")
				}
				return nil
			}, ste.WithTeardown(func() error { return found("teardown") }))
		})
	}
}

// T14: who waits for the end of a Thread that nobody else holds hears its errors, and
// nobody hears them again.
func TestT14EndIsToldOnce(t *testing.T) {
	ends := map[string]func(*ste.Thread) error{
		"Close":    func(th *ste.Thread) error { return th.Close() },
		"Shutdown": func(th *ste.Thread) error { return th.Shutdown(context.Background()) },
	}
	for name, end := range ends {
		told := make(chan error, 1)
		err := func() error {
			th, err := ste.New(ste.WithTeardown(func() error {
				for range 10 {
					runtime.GC()
					time.Sleep(time.Millisecond) // for the cleanups
				}
				return os.ErrInvalid
			}), ste.WithErrorHandler(func(err error) { told <- err }))
			require.NoError(t, err)
			testkit.Watch(th)
			return end(th)
		}()
		require.Equal(t, os.ErrInvalid, err, name)
		for range 10 {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
		require.Empty(t, told, name)
	}
}

// owner is the wrapper that the guide shows: a struct that holds its Thread.
type owner struct {
	th    *ste.Thread
	state *ste.Tagged[map[string]int]
}

func newOwner() (*owner, error) {
	th, err := ste.New()
	if err != nil {
		return nil, err
	}
	o := &owner{th: th}
	return o, th.Submit(func() { o.state = ste.NewTagged(map[string]int{}) })
}

func (o *owner) Count(key string) (n int, err error) {
	err = o.th.Submit(func() {
		(*o.state.Ptr())[key]++
		n = o.state.Get()[key]
	})
	return n, err
}

// T14: a wrapper that holds its Thread is forgotten as a whole, and kept by its
// own method calls.
func TestT14Wrapper(t *testing.T) {
	var done <-chan struct{}
	func() {
		o, err := newOwner()
		require.NoError(t, err)
		testkit.Watch(o.th)
		done = o.th.Done()
		for i := range 100 {
			n, err := o.Count("x")
			require.NoError(t, err)
			require.Equal(t, i+1, n)
			if i%20 == 0 {
				runtime.GC()
			}
		}
	}()
	require.True(t, testkit.Collect(func() bool { return testkit.IsClosed(done) }))
}

// T14: the waker reaches a task that waits elsewhere when the Thread is forgotten: it is
// closed then.
func TestT14ForgottenCallsTheWaker(t *testing.T) {
	ring, over := make(chan struct{}, 1), make(chan struct{})
	tag := func() ste.Tag {
		th, err := ste.New(ste.WithTeardown(func() error { close(over); return nil }), ste.WithWaker(func() {
			select {
			case ring <- struct{}{}:
			default:
			}
		}))
		require.NoError(t, err)
		started := make(chan struct{})
		require.NoError(t, th.Post(func() {
			close(started)
			<-ring
		}))
		<-started
		return th.Tag()
	}()
	require.True(t, testkit.Collect(func() bool { return testkit.IsClosed(over) }))
	require.Nil(t, tag.Thread())
}

// slow is a log whose writer waits.
type slow struct{ entered, release chan struct{} }

func (s slow) Enabled(context.Context, slog.Level) bool { return true }
func (s slow) Handle(context.Context, slog.Record) error {
	s.entered <- struct{}{}
	<-s.release
	return nil
}
func (s slow) WithAttrs([]slog.Attr) slog.Handler { return s }
func (s slow) WithGroup(string) slog.Handler      { return s }

// T14: the error of a Thread that is forgotten after its end goes to slog on a goroutine
// of its own. (On the runtime's, which runs all cleanups of the process, a log that waits
// kept those from running.)
func TestT14ReportHoldsUpNoCleanup(t *testing.T) {
	log := slow{make(chan struct{}, 1), make(chan struct{})}
	testkit.LogTo(t, log)
	defer close(log.release)
	func() {
		th, err := ste.New(ste.WithTeardown(func() error { return os.ErrInvalid }))
		require.NoError(t, err)
		testkit.Watch(th)
		th.Submit(func() { th.Close() })
		<-th.Done()
	}()
	require.True(t, testkit.Collect(func() bool { return len(log.entered) == 1 }), "not told")
	cleaned := make(chan struct{})
	runtime.AddCleanup(new([64]byte), func(c chan struct{}) { close(c) }, cleaned)
	require.True(t, testkit.Collect(func() bool { return testkit.IsClosed(cleaned) }), "no cleanup runs any more")
}
