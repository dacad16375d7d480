package ste

import (
	"fmt"
	"runtime"

	"github.com/ste-go/ste/internal/inbox"
	"github.com/ste-go/ste/internal/pace"
)

// A job is one call of user code. The zero job is none.
type job struct {
	kind jobKind
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
	if w.extras.waker != nil {
		w.tolled = false
		w.lend()
	}
	if w.protect(j) {
		w.end(j, inbox.Returned)
		return
	}
	if w.fault == nil {
		// panic(nil) under GODEBUG=panicnil=1: recover said nil, as it does without
		// a panic, but a Goexit would not have come here.
		w.fault = newPanicError(tagOf(w.id), new(runtime.PanicNilError))
	}
	w.end(j, inbox.Panicked)
}

// protect calls the job's code. It reports whether that returned; if it panicked
// the panic is in w.fault.
func (w *worker) protect(j job) (returned bool) {
	defer func() {
		if returned {
			return
		}
		// In the worker and not in a result: a panic of a deferred call during a
		// Goexit is recovered here, and then the Goexit goes on.
		if v := recover(); v != nil {
			w.fault = newPanicError(tagOf(w.id), v)
		}
	}()
	if j.kind == aTask {
		j.task.Func()()
	} else {
		w.fault = j.f()
	}
	return true
}

// end handles the end of a job: it tells whoever waits, and hands on what
// nobody waits for.
func (w *worker) end(j job, how inbox.End) {
	fault := w.fault
	w.job, w.fault = job{}, nil
	var pe *PanicError
	if how == inbox.Panicked {
		pe = fault.(*PanicError)
	}
	if w.extras.waker != nil {
		w.awake.Store(true)
	}
	switch {
	case j.kind == aTask:
		w.endTask(j.task, how, pe)
	case j.kind == aHook:
		w.endHook(how, fault)
	case pe != nil && j.kind == aTimer:
		w.handle(pe)
	case pe != nil:
		crash(handlerPanicked(w.core, pe))
	}
}

func (w *worker) endTask(t *inbox.Task, how inbox.End, pe *PanicError) {
	var err error
	if pe != nil {
		err = pe
	}
	if !t.Posted {
		w.after = pace.Seen
		if t.Finish(how, err) {
			w.after = pace.Rang
		}
		return
	}
	w.after = pace.Posted
	sunk := t.Sunk
	t.Finish(how, err)
	w.inbox.Recycle(t)
	if pe != nil && !sunk {
		w.handle(pe)
	}
}

func (w *worker) endHook(how inbox.End, err error) {
	switch {
	case how == inbox.Exited && !w.up && !w.failed:
		w.failed, w.exited = true, true
		return
	case how == inbox.Exited:
		err = fmt.Errorf("ste: a teardown of %v called runtime.Goexit", tagOf(w.id))
	}
	if err == nil {
		return
	}
	if !w.up {
		w.failed = true
	}
	w.mu.Lock()
	r := w.seldom()
	w.mu.Unlock()
	r.errs = append(r.errs, err)
}
