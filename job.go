package ste

import (
	"fmt"
	"iter"
	"log/slog"
	"runtime"

	"github.com/ste-go/ste/internal/here"
	"github.com/ste-go/ste/internal/inbox"
	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/pin"
)

// A job is one call of user code. The zero job is none.
type job struct {
	kind jobKind
	told bool         // the waker has been called for the Close while it ran
	hook bool         // a hook runs in the middle of it, by contain
	task *inbox.Task  // of a task
	f    func() error // of everything else
}

type jobKind uint8

const (
	noJob jobKind = iota
	aTask
	aHook
	aTimer
	aHandler
)

// run calls user code and handles its end. It does not return when that code
// calls runtime.Goexit; the next coroutine handles the end then.
func (w *worker) run(j job) {
	w.job = j
	w.waker.lend()
	if w.call(j, &w.fault) {
		w.end(j, inbox.Returned)
	} else {
		w.end(j, inbox.Panicked)
	}
}

// call calls the job's code. It reports whether that returned; fault is then a hook's
// error, and else the panic.
func (c *core) call(j job, fault *error) (returned bool) {
	if returned = c.protect(j, fault); !returned && *fault == nil {
		// panic(nil) under GODEBUG=panicnil=1: recover said nil, as it does without
		// a panic, but a Goexit would not have come here.
		*fault = newPanicError(tagOf(c.id), new(runtime.PanicNilError))
	}
	return returned
}

// protect is call that leaves a panic(nil) to call. fault is no result: a panic of a
// deferred call during a Goexit is recovered here, and then the Goexit goes on.
func (c *core) protect(j job, fault *error) (returned bool) {
	defer func() {
		if returned {
			return
		}
		// T8: recovered here, on top of the frames that panicked, so their stack is told.
		if v := recover(); v != nil {
			*fault = newPanicError(tagOf(c.id), v)
		}
	}()
	if j.kind == aTask {
		j.task.Func()()
	} else {
		*fault = j.f()
	}
	return true
}

// end handles the end of a job: it tells whoever waits, and hands on what
// nobody waits for.
func (w *worker) end(j job, how inbox.End) {
	fault := w.fault
	w.job, w.fault = job{}, nil
	w.waker.back()
	switch {
	case j.kind == aTask:
		w.endTask(j.task, how, fault)
	case j.kind == aHook:
		w.endHook(how, fault)
	case how != inbox.Panicked:
	case j.kind == aTimer:
		w.handle(fault)
	default:
		crash(handlerPanicked(w.core, fault))
	}
}

// endTask gives fault, a *PanicError or nil, to whoever waits for t, or else to handle.
func (w *worker) endTask(t *inbox.Task, how inbox.End, fault error) {
	if t.Waited() {
		w.after = pace.Seen
		if t.Finish(how, fault) {
			w.after = pace.Rang
		}
		return
	}
	w.after = pace.Posted
	t.Finish(how, fault)
	if fault != nil && t.Sink == nil {
		w.handle(fault)
	}
}

func (w *worker) endHook(how inbox.End, err error) {
	switch {
	case how == inbox.Exited && w.life.Load() == starting:
		w.life.Store(exited)
		return
	case how == inbox.Exited:
		err = fmt.Errorf("ste: a teardown of %v called runtime.Goexit", tagOf(w.id))
	}
	if err == nil {
		return
	}
	if w.life.Load() == starting {
		w.life.Store(failed)
	}
	w.mu.Lock()
	r := w.seldom()
	w.mu.Unlock()
	r.errs = append(r.errs, err)
}

// resume is what a coroutine panics with while runtime.Goexit unwinds it, so
// that iter.Pull hands a panic and not the Goexit to the goroutine below.
type resume struct{}

// coroutine runs f, on the Thread, in an iter.Pull coroutine of its own. It reports
// whether f returned: if not, a Goexit has ended it. Meanwhile the Thread's
// goroutine is the coroutine, unless it is called from an iter.Pull body of the
// user's, whose place on the Thread is known by the OS thread's number.
//
// The runtime ends the process unless f ends with the lock count with which it began.
func (c *core) coroutine(f func()) (returned bool) {
	defer func() {
		if v := recover(); v != nil && v != (resume{}) {
			panic(v)
		}
	}()
	tid := c.id.OSThread()
	first := tid == 0
	mine := first || c.id.OnGoroutine() || !here.Known
	if !first {
		c.worker.check(tid) // who takes the identity takes the OS thread on which it is
		defer c.worker.check(tid)
	}
	if mine && !first {
		c.id.Forget()
		defer c.id.Adopt()
	}
	// What this closure holds is held for the life of a Thread.
	next, _ := iter.Pull(func(func(struct{}) bool) {
		if mine {
			c.id.Adopt()
		}
		returned := false
		defer func() {
			if mine {
				c.id.Forget()
			}
			if v := recover(); v != nil {
				panic(v) // a mistake of this package's: user code is called with care
			}
			// T9: the Goexit ends this coroutine, and not the goroutine with the OS thread.
			if !returned {
				panic(resume{})
			}
		}()
		f()
		returned = true
	})
	next()
	return true
}

// contain calls f, a hook or handler in the middle of something else, and returns
// its error; a panic becomes a *PanicError, and a Goexit an error too. A Goexit cannot
// be stopped, it ends its goroutine; so f gets a coroutine of its own to end.
//
// In the middle of a user's task the lock count is the user's: other coroutines
// may rely on it, and f must leave it as it is, or the runtime ends the process.
// settled says that f is not in the middle of one, so that the count may be set
// right before and after, which costs some 10 us.
func (c *core) contain(what string, settled bool, f func() error) error {
	w := c.worker
	// The flag only: f may suspend in an iterator, and another job be running when it ends.
	outer := w.job.hook
	w.job.hook = true
	defer func() { w.job.hook = outer }()
	settled = settled && !w.shared
	if settled {
		pin.Repair(0)
	}
	var fault error
	ended := c.coroutine(func() {
		if settled {
			defer pin.Repair(0)
		}
		c.call(job{kind: aHook, f: f}, &fault)
	})
	if fault == nil && !ended {
		return fmt.Errorf("ste: %s on %v called runtime.Goexit", what, tagOf(c.id))
	}
	return fault // a panic in a deferred call, maybe, while Goexit unwound
}

// handle gives the panic of a posted task, a *PanicError, to the error handler, on the
// Thread.
func (w *worker) handle(panicked error) {
	if w.extras.handler == nil {
		crash(panicked)
	}
	w.run(job{kind: aHandler, f: func() error { w.extras.handler(panicked); return nil }})
}

// report gives an error to the error handler when the Thread has ended, or to
// slog without one.
func (c *core) report(err error) {
	if err == nil {
		return
	}
	if c.extras.handler == nil {
		slog.Error("ste: error of a Thread that nobody waits for", "thread", tagOf(c.id).String(), "err", err)
		return
	}
	go c.extras.handler(err)
}

// tell gives an error that nobody can receive to the error handler, on the
// Thread, or to slog without one.
func (c *core) tell(err error) {
	herr := c.contain("the error handler", false, func() error {
		if c.extras.handler != nil {
			c.extras.handler(err)
		} else {
			c.report(err)
		}
		return nil
	})
	if _, ok := herr.(*PanicError); ok {
		crash(handlerPanicked(c, herr))
	}
}

func handlerPanicked(c *core, err error) error {
	return fmt.Errorf("ste: the error handler of %v panicked: %w", tagOf(c.id), err)
}

// crash ends the process with err as a panic that nothing can recover, not even
// the loop's own coroutine, and does not return. The stack that matters is in
// err.
func crash(err error) {
	go panic(err)
	select {}
}
