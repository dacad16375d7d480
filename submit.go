package ste

import (
	"context"
	"runtime"

	"github.com/ste-go/ste/internal/inbox"
	"github.com/ste-go/ste/internal/prim"
	"github.com/ste-go/ste/internal/who"
)

// Submit runs f on the Thread and waits until it has ended; see Post for not
// waiting. Once Submit has returned, f has ended or will never start, so f may
// use the caller's variables without further care.
//
// On the Thread itself f runs at once, in place, before anything that is queued.
// Elsewhere it is queued behind the work accepted before, and Submit returns ErrClosed
// if the Thread is closed or drops f in a Shutdown, and an error that wraps ErrDeadlock
// if the caller is itself on a Thread and waiting would close a ring of Threads that
// wait for each other; in all these cases f has not run.
//
// If f panics, Submit panics with a *PanicError; if f calls runtime.Goexit,
// Submit does, so t.FailNow and testify's require work inside f. The Thread
// goes on. In place, a panic passes through as it is.
//
// Submit itself allocates nothing in steady state. A closure that captures
// variables is allocated by the caller; a func value made once, whose arguments
// live in fields of its receiver, avoids that.
func (t *Thread) Submit(f func()) error {
	c := t.must("Submit")
	need(f != nil, "Submit", "func")
	from := who.Current()
	// T10: on the Thread, in place.
	if from == c.id {
		f()
	} else if err := c.submit(from, nil, f); err != nil {
		return err
	}
	runtime.KeepAlive(t)
	return nil
}

// SubmitContext is Submit that gives up when ctx ends before f has started: then
// it returns context.Cause(ctx), and f never runs. Once f has started,
// SubmitContext waits for its end and returns nil, whatever ctx does. If ctx has
// already ended, f does not run, not even in place.
func (t *Thread) SubmitContext(ctx context.Context, f func()) error {
	c := t.must("SubmitContext")
	need(ctx != nil, "SubmitContext", "context")
	need(f != nil, "SubmitContext", "func")
	if ctx.Err() != nil {
		return cause(ctx)
	}
	from := who.Current()
	if from == c.id {
		f()
	} else if err := c.submit(from, ctx, f); err != nil {
		return err
	}
	runtime.KeepAlive(t)
	return nil
}

// Post queues f and does not wait for it; see Submit for waiting. On the Thread
// itself f is queued as well. Post returns ErrClosed if the Thread is closed or
// closing, and ErrQueueFull at the limit of WithQueueLimit.
//
// A panic of f goes to the error handler and, without one, ends the process.
// Post allocates nothing itself in steady state.
func (t *Thread) Post(f func()) error {
	c := t.must("Post")
	need(f != nil, "Post", "func")
	err := c.post(f)
	runtime.KeepAlive(t)
	return err
}

// Call is Submit for an f with results: it runs f on the Thread, waits for it and
// returns what f returned. If Call itself fails, f has not run; its errors are
// those of Submit. Called in a loop with one result type, Call itself allocates
// nothing.
func Call[T any](t *Thread, f func() (T, error)) (T, error) {
	c := t.must("Call")
	need(f != nil, "Call", "func")
	from := who.Current()
	if from == c.id {
		v, err := f()
		runtime.KeepAlive(t)
		return v, err
	}
	task := c.inbox.Get()
	fr, ok := task.Frame.(*frame[T])
	if !ok {
		fr = newFrame[T]()
		task.Frame = fr
	}
	fr.f = f
	end, err := c.await(from, nil, nil, task, fr.run)
	v, ferr := fr.take()
	c.inbox.Recycle(task)
	if err := raise(end, err); err != nil {
		return v, err
	}
	runtime.KeepAlive(t)
	return v, ferr
}

// A frame holds the arguments and results of one Call. It stays with its Task
// when that is reused, so that a loop of Calls needs no closure of its own.
type frame[T any] struct {
	f   func() (T, error)
	v   T
	err error
	run func() // calls f
}

func newFrame[T any]() *frame[T] {
	fr := new(frame[T])
	fr.run = func() { fr.v, fr.err = fr.f() }
	return fr
}

// take empties the frame.
func (fr *frame[T]) take() (T, error) {
	v, err := fr.v, fr.err
	*fr = frame[T]{run: fr.run}
	return v, err
}

// submit queues f for the code of from (nil for code on no Thread) and waits for
// its end. ctx is nil for a wait without end.
func (c *core) submit(from *who.ID, ctx context.Context, f func()) error {
	var ended <-chan struct{}
	if ctx != nil {
		ended = ctx.Done() // asked before anything is queued: it is user code
	}
	task := c.inbox.Get()
	end, err := c.await(from, ctx, ended, task, f)
	c.inbox.Recycle(task)
	return raise(end, err)
}

// await queues f as task and waits for its end, or until ended is closed, which
// is ctx.Done(). The task is the caller's again when await returns.
func (c *core) await(from *who.ID, ctx context.Context, ended <-chan struct{}, task *inbox.Task, f func()) (inbox.End, error) {
	if from == nil {
		if err := refusal(c.inbox.Put(task, f)); err != nil {
			return inbox.Dropped, err
		}
	} else {
		if b := waiterBell(from); b != (prim.Bell{}) {
			if ended != nil {
				b = prim.Bell{} // in the kernel nobody waits for two things
			}
			defer task.Calm(task.Calm(b, true), false)
		}
		ring, err := who.Enter(from, c.id, task, func() error { return refusal(c.inbox.Put(task, f)) })
		if ring != nil {
			err = ringError(ring)
			if c.inbox.Closed() {
				err = ErrClosed // this call would not have waited, so there is no ring
			}
		}
		if err != nil {
			return inbox.Dropped, err
		}
		defer who.Leave(from)
	}
	c.waker.wake()
	if !c.inbox.Wait(task, ended) {
		return inbox.Dropped, cause(ctx)
	}
	return task.End, task.Err
}

// waiterBell is what the code of a Thread that waits in the kernel sleeps on, and else the
// zero Bell.
func waiterBell(from *who.ID) prim.Bell {
	if home, ok := from.Home.(*core); ok {
		return home.inbox.WaiterBell()
	}
	return prim.Bell{}
}

// cause returns why ctx has ended, and never nil.
func cause(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return context.Canceled // a Context of somebody's own whose Err says nil
}

// raise makes the end of a task the end of the call that waited for it.
func raise(end inbox.End, err error) error {
	switch end {
	case inbox.Panicked:
		panic(err) // a *PanicError
	case inbox.Exited:
		runtime.Goexit()
	}
	return err
}

// post queues f for nobody.
func (c *core) post(f func()) error { return c.posted(c.inbox.Post(f)) }

// postOwn queues f for the Thread itself: no limit applies, and it is no task that
// anybody has asked for.
func (c *core) postOwn(f func()) error { return c.posted(c.mark(f)) }

// mark is postOwn that does not call the waker: for the one who serves.
func (c *core) mark(f func()) inbox.Verdict { return c.inbox.Put(&inbox.Task{Own: true}, f) }

// posted calls the waker for what was accepted, and returns the error of what was not.
func (c *core) posted(v inbox.Verdict) error {
	if v == inbox.Accepted {
		c.waker.wake()
	}
	return refusal(v)
}

// refusal is the error of what was not accepted, and nil for what was.
func refusal(v inbox.Verdict) error {
	switch v {
	case inbox.Closed:
		return ErrClosed
	case inbox.Full:
		return ErrQueueFull
	}
	return nil
}
