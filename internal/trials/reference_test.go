package trials

import (
	"context"
	"fmt"
	"slices"

	"github.com/ste-go/ste"
)

// A reference is an executor that anyone can see to be right, for a driver that
// makes one call after another. Nothing in it happens at the same time: before a
// call returns, rest has run all that can run.
type reference struct {
	limit    int
	handler  func(error)
	teardown func() error
	queue    []*entry
	futures  map[string]*entry
	waits    []*wait
	closing  entry // over at the end
	busy     bool
	closed   bool
}

// An entry is a task, or the end of the executor.
type entry struct {
	f       func() (int, error) // nil: holds the executor up until release
	counted bool                // by the queue limit; nobody need wait for it
	future  bool
	over    bool
	end     ending
	taken   bool // by a Wait
}

// A wait is somebody who waits for an entry.
type wait struct {
	e    *entry
	ctx  context.Context
	then func(ending)
}

func (r *reference) rest() {
	r.waits = slices.DeleteFunc(r.waits, func(w *wait) bool { return !w.e.over && r.givesUp(w) })
	for !r.busy && len(r.queue) > 0 {
		e := r.queue[0]
		r.queue, r.busy = r.queue[1:], true
		if e.f != nil {
			e.over, e.end, r.busy = true, endingOf(e.f).onThread(), false
			if e.counted && !e.future && e.end.panicked != nil {
				r.handler(e.end.panicked.(error))
			}
		}
	}
	r.waits = slices.DeleteFunc(r.waits, func(w *wait) bool { return w.e.over && w.take() })
	if r.closed && !r.busy && !r.closing.over {
		r.closing.over, r.closing.end = true, ending{err: r.teardown()}
		for _, e := range r.futures {
			if e.end.panicked != nil && !e.taken {
				r.handler(e.end.panicked.(error))
			}
		}
		r.rest()
	}
}

// givesUp reports whether the wait is at its end, because its context is.
func (r *reference) givesUp(w *wait) bool {
	if w.ctx.Err() == nil {
		return false
	}
	err := context.Cause(w.ctx)
	if w.e == &r.closing {
		err = fmt.Errorf("dropped: %d; %w", r.drop(), err)
	}
	if !w.e.future {
		r.queue = slices.DeleteFunc(r.queue, func(e *entry) bool { return e == w.e })
	}
	w.then(ending{err: err})
	return true
}

func (w *wait) take() bool {
	w.e.taken = true
	w.then(w.e.end)
	return true
}

func (r *reference) drop() int {
	dropped := r.queue
	for _, e := range dropped {
		e.over, e.end = true, ending{err: ste.ErrClosed}
	}
	r.queue = nil
	return len(dropped)
}

func (r *reference) put(e *entry) error {
	queued := 0
	for _, q := range r.queue {
		if q.counted {
			queued++
		}
	}
	if r.closed {
		return ste.ErrClosed
	}
	if e.counted && r.limit > 0 && queued >= r.limit {
		return ste.ErrQueueFull
	}
	r.queue = append(r.queue, e)
	return nil
}

func (r *reference) submit(_ variant, on bool, ctx context.Context, f func() (int, error), then func(ending)) {
	e := &entry{f: f}
	if ctx.Err() != nil {
		then(ending{err: context.Cause(ctx)})
	} else if on {
		v, err := f()
		then(ending{v: v, err: err})
	} else if err := r.put(e); err != nil {
		then(ending{err: err})
	} else {
		r.waits = append(r.waits, &wait{e, ctx, then})
	}
}

func (r *reference) post(f func()) error {
	return r.put(&entry{counted: true, f: func() (int, error) { f(); return 0, nil }})
}

func (r *reference) async(name string, f func() (int, error)) error {
	e := &entry{counted: true, future: true, f: f}
	err := r.put(e)
	if err == nil {
		r.futures[name] = e
	}
	return err
}

func (r *reference) wait(on bool, name string, ctx context.Context, then func(ending)) {
	switch e := r.futures[name]; {
	case e.over && on:
		e.taken = true
		then(e.end.raise())
	case on && ctx.Err() == nil:
		then(ending{err: ste.ErrDeadlock})
	case on:
		then(ending{err: context.Cause(ctx)})
	default:
		r.waits = append(r.waits, &wait{e, ctx, then})
	}
}

func (r *reference) shutdown(on bool, ctx context.Context, then func(ending)) {
	r.closed = true
	if !on {
		r.waits = append(r.waits, &wait{&r.closing, ctx, then})
		return
	}
	if ctx.Err() != nil {
		r.drop()
	}
	then(ending{})
}

func (r *reference) hold() error { return r.put(&entry{}) }

func (r *reference) release() { r.busy = false }
