package ste

import (
	"errors"
	"runtime"

	"github.com/ste-go/ste/internal/opaque"
	"github.com/ste-go/ste/internal/prim"
	"github.com/ste-go/ste/internal/who"
)

// A Bound is a value that lives and dies on a Thread: a handle of a C library
// with its destructor, a GL object, a device. It is opened, used and closed
// there and nowhere else, and closed exactly once: by Close, when its Thread
// closes, or, when nobody holds the Bound any more, by a task that the runtime
// queues on the Thread. The garbage collector's own goroutine never runs close.
//
// Make one with Bind; the methods of the zero Bound panic. All methods may be
// called from any goroutine at any time. A Bound must not be copied. It keeps
// its Thread alive.
//
// A Bound in use stays alive until the use has ended. If close refers to the Bound
// itself, the Bound never becomes garbage, and must be closed. A Bound of a Thread
// that was made in a testing/synctest bubble is not closed when it becomes
// garbage; close it, or its Thread.
type Bound[T any] struct {
	_      noCopy
	thread *Thread
	core   opaque.Ref[bound[T]]
}

// A bound is the Bound without the handle that users hold, so that it can be
// noticed when nobody does.
type bound[T any] struct {
	owned
	close func(T) error

	// Touched by the Thread only.
	v    T
	uses int // how many nested uses are running

	// closed says that no use starts any more. False to true by the Thread, as the
	// closing begins; read by it before each use, by Use and Post, and by the cleanup.
	closed prim.Flag
}

// Bind runs open on the Thread and returns a Bound of its result, whose close
// will run there, once. On the Thread itself open runs at once, in place. If open
// fails there is no Bound, close does not run, and Bind returns open's error; else
// its errors are those of Submit. A panic or Goexit of open ends Bind as it ends
// Submit.
//
// close should not wait for other Threads that may wait for this one, and must
// leave runtime.LockOSThread as it found it. Its error, or its panic as a
// *PanicError, is what Close returns.
func Bind[T any](t *Thread, open func() (T, error), close func(T) error) (*Bound[T], error) {
	c := t.must("Bind")
	need(open != nil, "Bind", "open func")
	need(close != nil, "Bind", "close func")
	b, err := Call(t, func() (*bound[T], error) {
		v, err := open()
		if err != nil {
			return nil, err
		}
		b := &bound[T]{owned: owned{owner: c, done: make(chan struct{})}, close: close, v: v}
		b.of = b
		c.own(&b.owned)
		return b, nil
	})
	if err != nil {
		return nil, err
	}
	h := &Bound[T]{thread: t, core: opaque.To(b)}
	if c.inbox.Bubble == 0 && !prim.Exploring {
		runtime.AddCleanup(h, (*bound[T]).collected, b)
	}
	return h, nil
}

// must returns the core, or panics for a nil or zero Bound (T8).
func (b *Bound[T]) must(call string) *bound[T] {
	if b == nil || b.core.Get() == nil {
		panic(unusable(call, b == nil, "Bound", "Bind"))
	}
	return b.core.Get()
}

// Thread returns the Thread on which the value lives.
func (b *Bound[T]) Thread() *Thread {
	b.must("Thread")
	return b.thread
}

// Do runs f with the value on the Thread and waits; it returns f's error. Once the
// Bound is closed, Do returns ErrClosed and f does not run. The other errors, the
// order, panics and Goexit are those of Submit; on the Thread itself f runs at
// once, in place. f must not keep the value.
func (b *Bound[T]) Do(f func(T) error) error {
	b.must("Do")
	need(f != nil, "Do", "func")
	_, err := Use(b, func(v T) (struct{}, error) { return struct{}{}, f(v) })
	return err
}

// Use is Do for an f with a result.
func Use[T, R any](b *Bound[T], f func(T) (R, error)) (R, error) {
	c := b.must("Use")
	need(f != nil, "Use", "func")
	if c.closed.Load() {
		var r R
		return r, ErrClosed
	}
	began := false
	r, err := Call(b.thread, func() (r R, err error) {
		began = true
		if !c.enter() {
			return r, ErrClosed
		}
		defer c.exit()
		return f(c.v)
	})
	runtime.KeepAlive(b)
	if !began && errors.Is(err, ErrDeadlock) && c.closed.Load() {
		err = ErrClosed // this call would not have waited for long, so there is no ring
	}
	return r, err
}

// Post queues f with the value and does not wait. Its errors are those of
// Thread.Post, and ErrClosed once the Bound is closed. If the Bound is closed
// before f's turn has come, f does not run, and nobody is told. A panic of f goes
// where those of Thread.Post go.
func (b *Bound[T]) Post(f func(T)) error {
	c := b.must("Post")
	need(f != nil, "Post", "func")
	if c.closed.Load() {
		return ErrClosed
	}
	return b.thread.Post(func() {
		if c.enter() {
			defer c.exit()
			f(c.v)
		}
		runtime.KeepAlive(b)
	})
}

// enter begins a use unless the Bound is closed.
func (b *bound[T]) enter() bool {
	if b.closed.Load() {
		return false
	}
	b.uses++
	return true
}

// exit ends it, however that was.
func (b *bound[T]) exit() {
	if b.uses--; b.uses == 0 && b.closed.Load() {
		b.finish(false, false) // closed inside a use
	}
}

// Close runs close on the Thread, once, and returns its error; every Close that
// waits returns the same. From elsewhere, uses accepted before still run, and
// Close waits for all that; where the wait would close a ring of Threads it starts
// the closing and returns an error that wraps ErrDeadlock. On the Thread, close
// runs at once: uses that are queued get ErrClosed, and posted ones are dropped.
// In two cases Close does not wait for the end but returns nil: inside a use of the
// same Bound, where close runs when the outermost use returns, and inside close
// itself. If close fails and no Close is waiting for it, the error goes to the
// error handler and, without one, to slog.
func (b *Bound[T]) Close() error {
	c := b.must("Close")
	from := who.Current()
	if from == c.owner.id {
		err := c.closeHere(true, false)
		runtime.KeepAlive(b)
		return err
	}
	if !c.over.Load() {
		err := c.await(from, func() {
			c.closers.Add(1)
			c.order()
		})
		if err != nil {
			c.order()
			return err
		}
	}
	runtime.KeepAlive(b)
	return c.err
}

// order queues the closing behind all uses accepted before. A Thread that is
// closing refuses, and releases the Bound itself.
func (b *bound[T]) order() {
	// B2: what is the Thread's own comes after all that was accepted before.
	_ = b.owner.postOwn(b.closeUnheard)
}

// collected is the cleanup of a Bound that nobody holds any more. It runs on a
// goroutine of the runtime and must not wait.
func (b *bound[T]) collected() {
	if !b.closed.Load() {
		_ = b.owner.postOwn(b.closeUnheard)
	}
}

// closeUnheard is closeHere as a task of its own.
func (b *bound[T]) closeUnheard() { _ = b.closeHere(false, true) }

// closeHere closes the value, or sees to it that the outermost use does. heard says
// that the caller hands the error on; settled is as for contain. On the Thread.
func (b *bound[T]) closeHere(heard, settled bool) error {
	if b.uses > 0 {
		b.closed.Store(true)
		return nil
	}
	return b.finish(heard, settled)
}

func (b *bound[T]) name() string { return "a Bound" }

func (b *bound[T]) closing() func() error {
	b.closed.Store(true)
	v, f := b.v, b.close
	var zero T
	b.v, b.close = zero, nil // T7
	return func() error { return f(v) }
}

func (b *bound[T]) leave(error) {}
