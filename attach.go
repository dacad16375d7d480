package ste

import (
	"context"
	"fmt"
	"iter"
	"runtime"

	"github.com/ste-go/ste/internal/pin"
	"github.com/ste-go/ste/internal/prim"
	"github.com/ste-go/ste/internal/who"
)

// Attach makes the calling goroutine a Thread while body runs: the way to let a
// loop that is not yours, of a toolkit, a render loop or a callback that C makes on
// a thread of its own, take part without giving up its loop. The loop calls
// RunPending, or Run; others reach it by WithWaker while it waits elsewhere.
//
// Attach locks the goroutine to its OS thread, runs the inits, and then body with
// the new Thread. When body has returned, panicked or called runtime.Goexit, the
// Thread is closed as by Close, on the same goroutine: it runs what is queued, closes
// the Bounds and the values of Locals that are left, newest first, and runs the
// teardowns, and nothing that was made on the Thread opens any more, for whoever
// inherits the goroutine or the OS thread. Then Attach unlocks and returns body's error
// joined with those of the closing. A panic or Goexit of body goes on to Attach's
// caller; errors of the closing then go to the error handler or slog. If an init fails,
// body does not run and Attach returns as New does.
//
// Close from elsewhere refuses new work, calls the waker, and waits for the end of
// body. Submit from elsewhere waits until body lets it run, or has ended.
//
// The OS thread is the caller's: it keeps its name, and whatever tasks change of it.
// Tasks, hooks and body must leave runtime.LockOSThread as they found it; the
// runtime ends the process at the end of the RunPending, Run or Attach in which one
// did not ("OS thread locking must match"). Attach on a Thread is an error.
func Attach(body func(*Thread) error, opts ...Option) error {
	need(body != nil, "Attach", "func")
	if id := who.Current(); id != nil {
		return fmt.Errorf("ste: Attach on %v: one OS thread cannot be two Threads; use that one", tagOf(id))
	}
	t, c, err := newThread("Attach", opts)
	if err != nil {
		return err
	}
	err = c.worker.host(t, body)
	runtime.KeepAlive(t)
	return err
}

// RunPending runs what is queued, and the timers that are due before the last of that
// has run, and returns how many that were. It does not wait. Tasks that come in
// meanwhile are left for the next time. It is called on the Thread, by the body of an
// Attach or by a task that takes long: the tasks it runs nest inside that one. A Goexit
// or panic of a task ends that task only. Off the Thread RunPending panics with a
// *WrongThreadError; in hooks, error handlers and the close of a Bound it does nothing
// and returns 0.
//
// A task that RunPending runs must leave runtime.LockOSThread as it found it, or the
// runtime ends the process. Tasks that all call RunPending nest as deep. With
// nothing to do RunPending costs some 50 ns, else about 2 us more than the tasks.
func (t *Thread) RunPending() int {
	w := t.must("RunPending").worker
	tagOf(w.id).Check()
	if !w.mayNest() {
		return 0
	}
	before := w.ran
	if w.inbox.Pending() {
		p := new(nesting)
		w.mark(func() { p.served = true }) // refused by a closed Thread, to which nothing comes any more
		w.yields = false
		w.nested(p)
	}
	w.waker.lendAgain(&w.job.told)
	runtime.KeepAlive(t)
	return int(w.ran - before)
}

// Run serves until the Thread is closed, and then runs what was accepted and returns
// nil, or until ctx ends before that, and then returns its cause. It is called on the
// Thread, by the body of an Attach or by a task; what it runs nests inside that. Off
// the Thread Run panics with a *WrongThreadError; in hooks, error handlers and the
// close of a Bound it returns an error at once. Inside a task it sleeps whatever the
// WaitStrategy. The rest is as for RunPending.
func (t *Thread) Run(ctx context.Context) error {
	c := t.must("Run")
	need(ctx != nil, "Run", "context")
	w := c.worker
	tagOf(c.id).Check()
	if !w.mayNest() {
		return fmt.Errorf("ste: Run in a hook of %v: it would never end; call it in a task or the body of an Attach", tagOf(c.id))
	}
	p := &nesting{waits: true, ended: ctx.Done()}
	if p.ended != nil {
		over := make(chan struct{})
		defer prim.Close(over)
		prim.Go("Run", func() {
			if prim.AwaitEither(p.ended, over) {
				w.mark(func() {}) // wakes it
			}
		})
	}
	w.nested(p)
	w.waker.lendAgain(&w.job.told)
	runtime.KeepAlive(t)
	if w.life.Load() == drained || w.inbox.Closed() && !w.inbox.Pending() {
		return nil
	}
	return cause(ctx)
}

// A nesting is one RunPending or Run: what a Thread serves in the middle of a task or body.
type nesting struct {
	waits  bool            // Run: for more, until ended
	ended  <-chan struct{} // of Run's ctx; may be nil
	served bool            // RunPending: all that was there when it began has run
}

func (p *nesting) enough() bool {
	return p != nil && (p.served || p.waits && prim.Closed(p.ended))
}

// mayNest reports whether the code that runs may let others in: a task, a timer or
// the body of an Attach.
func (w *worker) mayNest() bool {
	return !w.job.hook && w.job.kind != aHook && w.job.kind != aHandler
}

// nested serves for p, in the middle of a task or of a body.
func (w *worker) nested(p *nesting) {
	outer, runs, shared := w.job, w.runs, w.shared
	inTask := outer.kind != noJob
	nested, single := w.inbox.Nested, w.inbox.Single
	w.inbox.Nested, w.inbox.Single = inTask, inTask || !p.waits || w.waker != nil
	w.job, w.shared = job{}, true
	w.waker.back()
	// A2: in coroutines, so a Goexit of what they run does not reach the one who asked.
	w.session(func() { w.serve(p) })
	w.job, w.runs, w.shared = outer, runs, shared
	w.inbox.Nested, w.inbox.Single = nested, single
}

// host is the life of an attached Thread.
func (w *worker) host(t *Thread, body func(*Thread) error) (err error) {
	pin.More()
	w.shared = true
	w.id.Adopt()
	w.session(w.begin)
	returned := false
	// The runtime compares the lock count that a coroutine began with.
	_, compare := iter.Pull(func(func(struct{}) bool) {})
	defer func() {
		// A1: however body has ended, the Thread ends here, on the host's goroutine.
		compare()
		w.waker.back()
		w.core.close()
		w.session(func() {
			w.serve(nil)
			w.finish()
		})
		w.id.Forget()
		if returned {
			err = join(err, w.outcome())
		} else {
			w.report(w.outcome())
		}
		prim.Close(w.done)
		pin.Less()
	}()
	switch w.life.Load() {
	case serving:
		w.waker.lendAgain(&w.job.told)
		err = body(t)
	case exited:
		runtime.Goexit()
	}
	returned = true
	return err
}
