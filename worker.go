package ste

import (
	"context"
	"fmt"
	"math"
	"runtime/pprof"

	"github.com/ste-go/ste/internal/inbox"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/pin"
	"github.com/ste-go/ste/internal/prim"
)

// A worker is the running side of a Thread. All its fields belong to the
// Thread's goroutine.
//
// The loop does not run on the goroutine that is locked first but in an
// iter.Pull coroutine of it. A task that calls runtime.Goexit ends the coroutine
// with everything it kept alive; the locked goroutine makes a new one and goes
// on, on the same OS thread. Everything that must survive a Goexit is in here,
// not in the loop's frame.
type worker struct {
	*core
	job   job   // what user code is running; none outside of it
	fault error // how that code has ended, until end handles it: a *PanicError, or what a hook has returned

	runs   uint32     // tasks and ticks since the coroutine began; an estimate after four thousand million
	ran    uint32     // tasks and timers, for RunPending, modulo 2^32
	step   int32      // going up, hooks[:step] have had their turn; going down, hooks[:step] have not
	since  uint8      // tasks and ticks since the lock count was set right
	shared bool       // the lock count is not the Thread's own: in the middle of a task, or attached
	yields bool       // due timers have had their turn
	after  pace.After // how the last task ended
}

// start locks the goroutine to a thread that is not the process's first (T2) and
// runs the Thread there.
func (w *worker) start() {
	pin.Set()
	if osthread.IsStartup() {
		// T2: not on this one. Hold the startup thread until the next goroutine has locked itself to
		// another one.
		settled := make(chan struct{})
		go func() {
			pin.Set()
			close(settled)
			w.main()
		}()
		<-settled
		pin.Less()
		return
	}
	w.main()
}

// main is the life of a Thread, on its locked goroutine.
func (w *worker) main() {
	if name := w.id.Name(); name != "" {
		osthread.SetName(name)
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("ste", name)))
	}
	w.session(w.live)
	w.reportUnheard()
	prim.Close(w.done)
	if osthread.ExitCrashes {
		select {} // golang/go#52394
	}
	// Ending while locked ends the OS thread, with whatever tasks changed of it.
}

// live is what main runs in coroutines.
func (w *worker) live() {
	defer w.repair()
	w.begin()
	w.serve(nil)
	w.finish()
}

// session runs f in a coroutine and, as long as a Goexit of user code ends that,
// again in another one. f calls aftermath before it runs user code.
func (w *worker) session(f func()) {
	for !w.coroutine(f) {
	}
}

// aftermath handles the end of the job that has ended the last coroutine, if one has.
func (w *worker) aftermath() {
	w.runs = 0
	if j := w.job; j.kind != noJob {
		if w.fault != nil {
			w.end(j, inbox.Panicked) // in a deferred call, while Goexit unwound
		} else {
			w.end(j, inbox.Exited)
		}
	}
}

// begin runs the inits.
func (w *worker) begin() {
	w.aftermath()
	hooks := w.extras.hooks
	for w.life.Load() == starting && int(w.step) < len(hooks) {
		h := hooks[w.step]
		w.step++
		if !h.teardown {
			w.run(job{kind: aHook, f: h.f})
		}
	}
	switch w.life.Load() {
	case starting:
		w.life.Store(serving)
		if w.ready != nil {
			prim.Close(w.ready)
		}
	case failed, exited:
		w.inbox.Close()
		w.drop()
	}
}

// serve runs timers and tasks until the Thread is closed and nothing is left. If it
// serves for somebody, in the middle of a task or a body, it ends when that one
// says so.
func (w *worker) serve(inner *nesting) {
	w.aftermath()
	for w.life.Load() == serving && !inner.enough() {
		if w.inbox.Bubble != 0 && w.doomed.Load() {
			w.drop()
		}
		if w.since >= pin.Every && !w.shared {
			w.settle() // here, and not when a caller waits for the next task
		}
		if w.inbox.Until() != prim.Never && w.inbox.Closed() {
			w.dropTimers(prim.Now())
		}
		var t *inbox.Task
		var slept, end bool
		if inner == nil || inner.waits {
			t, slept, end = w.inbox.Next(w.after, w.yields)
		} else {
			var due bool
			if t, due, end = w.inbox.Try(w.yields); t == nil && !due && !end {
				return
			}
		}
		if slept || osthread.Quick() {
			w.check(w.id.OSThread()) // T1, before whatever comes; settle does it for certain
		}
		if end {
			w.life.Store(drained)
			return
		}
		if t == nil {
			w.tick()
			continue
		}
		w.yields = false
		w.count(uint32(max(t.Weight, 1)))
		if !t.Own {
			w.ran++
		}
		w.run(job{kind: aTask, task: t})
	}
}

// count notes that n closures are about to run, and sets the lock count right in time.
func (w *worker) count(n uint32) {
	if w.shared {
		return
	}
	const _ = uint(pin.Every - inbox.Chunk) // the closures of one Task fit
	if uint32(w.since)+n > pin.Every {
		w.settle()
	}
	w.since += uint8(n)
	w.runs += n
}

// finish releases what is left and runs the teardowns.
func (w *worker) finish() {
	w.dropTimers(math.MinInt64)
	w.releaseAll()
	// T13: the teardowns, newest first, from where the inits came to.
	for w.step > 0 {
		w.step--
		if h := w.extras.hooks[w.step]; h.teardown {
			w.run(job{kind: aHook, f: h.f})
		}
		w.releaseAll()
	}
	w.sweep()
	w.releaseAll() // what the error handler has bound
	w.id.End()     // before the last look at undo: see dropWhenDone
	var undo []func() bool
	w.mu.Lock()
	if r := w.rare; r != nil {
		r.err = join(r.errs...)
		undo, r.undo = r.undo, nil
	}
	w.mu.Unlock()
	for _, stop := range undo { // what dropWhenDone has set up; a context is user code
		stop()
	}
	w.waker.end()
	w.owns, w.id.Home = nil, nil
	w.life.Store(w.life.Load() | over)
}

// releaseAll releases what the Thread owns, newest first.
func (w *worker) releaseAll() {
	for o := w.newest(); o != nil; o = w.newest() {
		w.run(job{kind: aHook, f: o.release})
	}
}

// settle sees that the Thread is where it was, and sets the lock count right (T1).
func (w *worker) settle() {
	w.since = 0
	// T1: still on the OS thread of the beginning, and locked to it again.
	w.check(w.id.OSThread())
	pin.Set()
}

// repair is settle for the end of a coroutine.
func (w *worker) repair() {
	w.settle()
	if w.runs > 0 || len(w.extras.hooks) > 0 {
		pin.Repair(w.runs)
	}
}

// check ends the process if the Thread, whose OS thread is or was tid, has been moved to
// another one.
func (w *worker) check(tid uint64) {
	if pin.Works && osthread.Self() != tid {
		crash(fmt.Errorf("ste: %v has lost its OS thread: a task called runtime.UnlockOSThread more often than LockOSThread; remove the surplus calls", tagOf(w.id)))
	}
}
