package ste

import (
	"context"
	"runtime"

	"github.com/ste-go/ste/internal/bubble"
	"github.com/ste-go/ste/internal/inbox"
	"github.com/ste-go/ste/internal/opaque"
	"github.com/ste-go/ste/internal/prim"
	"github.com/ste-go/ste/internal/who"
)

// A Future is the result of an Async task, now or later.
//
// The zero Future is not usable. Any number of goroutines may wait for it, any
// number of times. A Future must not be copied. The end of the task happens
// before Wait returns and before the channel of Done is closed. A Future does
// not keep its Thread alive.
type Future[T any] struct {
	_    noCopy
	core opaque.Ref[future[T]]
}

// A future is a Future where nobody can look into it: a Thread writes here.
type future[T any] struct {
	core *core
	task inbox.Task
	f    func() (T, error) // nil once it has ended
	// done is closed when the task has ended or was dropped.
	done chan struct{}
	// gate, when set, is unlocked instead, and a goroutine closes done: the
	// Future was made in a synctest bubble and its Thread was not.
	gate *prim.Mutex
	// over turns true just before done is closed. Written by Finish under mu; read by the
	// ring check, and by Wait, at last under mu.
	over prim.Flag

	// Written before over is set, read after it. Finish decides under mu whether
	// somebody waits: a Wait that has counted itself before that takes the panic, and
	// else it is lost, until one comes.
	v    T
	err  error // what f returned, or a *PanicError, or why f never ran
	how  inbox.End
	lost *claim // for a panic that nobody was waiting for

	mu      prim.Mutex
	waiting int // Waits that will take the result; guarded by mu
}

// A claim is the panic of an Async task that no Wait has taken.
type claim struct {
	pe    *PanicError
	taken prim.Flag // false to true, by the first Wait or by whoever reports it
}

// Async queues f and returns at once with the Future of its result; see Call for
// waiting. Its errors are those of Post, and then there is no Future.
//
// A Future made in a testing/synctest bubble must be waited for in that bubble.
//
// A panic of f belongs to Wait. If no Wait has taken it when the Future is
// garbage or the Thread has closed, it goes to the error handler and, without
// one, ends the process.
func Async[T any](t *Thread, f func() (T, error)) (*Future[T], error) {
	c := t.must("Async")
	need(f != nil, "Async", "func")
	fu := &future[T]{core: c, f: f, done: make(chan struct{})}
	if c.inbox.Bubble == 0 && bubble.Here() {
		fu.gate = new(prim.Mutex)
		fu.gate.Lock()
	}
	fu.task.Sink = fu
	if err := c.posted(c.inbox.Put(&fu.task, fu.run)); err != nil {
		return nil, err
	}
	if fu.gate != nil {
		prim.Go("gate", func() {
			fu.gate.Lock()
			prim.Close(fu.done)
		})
	}
	runtime.KeepAlive(t)
	return &Future[T]{core: opaque.To(fu)}, nil
}

// run is the task.
func (f *future[T]) run() { f.v, f.err = f.f() }

// Finish takes the end of the task, on the Thread or where it is dropped.
func (f *future[T]) Finish(end inbox.End, err error) {
	f.f = nil
	f.how = end
	if end != inbox.Returned {
		f.err = err
	}
	f.mu.Lock()
	if pe, ok := err.(*PanicError); ok && f.waiting == 0 {
		f.lost = f.core.lose(pe)
	}
	f.over.Store(true)
	f.mu.Unlock()
	if f.lost != nil && f.core.inbox.Bubble == 0 && !prim.Exploring {
		runtime.AddCleanup(f, f.core.collected, f.lost)
	}
	if f.gate != nil {
		f.gate.Unlock()
	} else {
		prim.Close(f.done)
	}
}

// Over reports whether a wait for the Future has ended.
func (f *future[T]) Over() bool { return f.over.Load() }

// Done returns a channel that is closed once the task has ended or was dropped.
func (f *Future[T]) Done() <-chan struct{} {
	return f.must("Done").done
}

// Wait waits for the task and returns what it returned. If the task panicked,
// Wait panics with a *PanicError; if it called runtime.Goexit, so does Wait; if
// a Shutdown dropped it, Wait returns ErrClosed.
//
// Wait returns context.Cause(ctx) if ctx ends first; the task is not stopped by that
// and goes on using its variables. A finished Future wins over an ended ctx. On a
// Thread, Wait returns an error that wraps ErrDeadlock if the wait would close a ring
// of Threads; waiting on a Thread for an unfinished Future of its own is a ring of one.
func (f *Future[T]) Wait(ctx context.Context) (T, error) {
	c := f.must("Wait")
	need(ctx != nil, "Wait", "context")
	if c.over.Load() {
		return c.take()
	}
	ended, gone := ctx.Done(), ctx.Err() != nil // user code, before anything is noted
	c.mu.Lock()
	c.waiting++
	c.mu.Unlock()
	var refused error
	if !gone { // else there is no wait, so no ring
		from := who.Current()
		if refused = enterWait(from, c.core.id, c); refused == nil {
			defer who.Leave(from)
			if prim.AwaitEither(c.done, ended) {
				return c.take()
			}
		}
	}
	c.mu.Lock()
	c.waiting--
	over := c.over.Load()
	c.mu.Unlock()
	if over { // meanwhile, and the result was left to this Wait
		return c.take()
	}
	if refused == nil {
		refused = cause(ctx)
	}
	var zero T
	return zero, refused
}

// take returns the result of a finished Future as Wait does.
func (f *future[T]) take() (T, error) {
	if f.lost != nil && f.lost.taken.CompareAndSwap(false, true) {
		f.core.claimed(f.lost)
	}
	if f.how == inbox.Returned {
		return f.v, f.err
	}
	var zero T
	return zero, raise(f.how, f.err)
}

// must returns the future, or panics for a nil or zero Future (T8).
func (f *Future[T]) must(call string) *future[T] {
	if f == nil || f.core.Get() == nil {
		panic(unusable(call, f == nil, "Future", "Async"))
	}
	return f.core.Get()
}

// lose remembers a panic until a Wait takes it. The Thread calls it.
func (c *core) lose(pe *PanicError) *claim {
	cl := &claim{pe: pe}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.seldom()
	if r.unclaimed == nil {
		r.unclaimed = make(map[*claim]struct{})
	}
	r.unclaimed[cl] = struct{}{}
	return cl
}

// claimed forgets a panic that somebody has.
func (c *core) claimed(cl *claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.rare.unclaimed, cl)
}

// collected is the cleanup of a Future: nobody can wait for it any more. It runs
// on a goroutine of the runtime.
func (c *core) collected(cl *claim) {
	if cl.taken.Load() {
		return
	}
	// The Thread reports it, as it does for a Post. If it is closing it finds the
	// claim in its sweep instead.
	_ = c.postOwn(func() {
		if cl.taken.CompareAndSwap(false, true) {
			c.claimed(cl)
			panic(cl.pe)
		}
	})
}

// sweep reports, at the end of the Thread, the panics that no Wait has taken.
func (w *worker) sweep() {
	for {
		w.mu.Lock()
		var cl *claim
		if w.rare != nil {
			for cl = range w.rare.unclaimed {
				break
			}
			delete(w.rare.unclaimed, cl)
		}
		w.mu.Unlock()
		if cl == nil {
			return
		}
		if cl.taken.CompareAndSwap(false, true) {
			w.handle(cl.pe)
		}
	}
}
