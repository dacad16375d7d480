package inbox

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/ste-go/ste/internal/bubble"
)

// End says how a Task ended.
type End uint8

const (
	Returned End = iota // the closure returned
	Panicked            // the closure panicked: Err has the panic
	Exited              // the closure called runtime.Goexit
	Dropped             // the closure never ran: Err says why
)

// A Sink gets the end of a Task that nobody waits for inside Wait. It is called
// once, by the worker or by whoever drops the Task.
type Sink interface {
	Finish(end End, err error)
}

// A Task is one closure on its way through an Inbox. One party owns it at any
// time, and only the owner touches its plain fields: the submitter from Get to
// Put; the Inbox (under its lock) until exactly one of Next, Cancel or Drop
// takes the Task out; that taker until Finish; and, if the Task is waited for,
// the submitter again from the return of Wait to Recycle.
type Task struct {
	Run     func() // the closure
	Posted  bool   // nobody waits inside Wait
	Counted bool   // counts against the limit of New
	Sink    Sink   // who gets the end instead of a waiter, or nil
	Frame   any    // kept when the Task is reused: see ste.Call

	// How the Task ended: written by Finish, read after Wait.
	End End
	Err error

	// over turns true once the wait for this Task has ended, that is when its
	// closure has ended, was dropped or was cancelled, whether or not the waiter
	// has noticed. Written by Finish and Cancel (false to true) and by Get (back
	// to false, before anyone else can see the Task). Read by the ring check,
	// from before Put until the waiter's edge no longer names this Task.
	over atomic.Bool

	// Guarded by Inbox.mu.
	next, prev *Task
	queued     bool

	// What the waiter sleeps on. Finish sends exactly one signal, and the waiter
	// takes it before the Task can be reused.
	done chan struct{}
	// gate stands in for done where the waiter is in a synctest bubble and the
	// Inbox is not: a channel made there may not be touched from outside, a
	// mutex may. It is locked from the start; Finish unlocks it.
	gate *sync.Mutex
}

// Over reports whether the wait for the Task has ended.
func (t *Task) Over() bool { return t.over.Load() }

// Finish hands the end of a Task to whoever waits for it. Nothing of the Task
// may be used by the caller afterwards, unless Posted is set.
func (t *Task) Finish(end End, err error) {
	t.Run = nil // T7: whoever waits may take its time
	if sink := t.Sink; sink != nil {
		t.Sink = nil
		sink.Finish(end, err)
		return
	}
	if t.Posted {
		return
	}
	t.End, t.Err = end, err
	t.over.Store(true) // before the signal: the waiter may be slow to wake
	if t.gate != nil {
		t.gate.Unlock()
		return
	}
	t.done <- struct{}{} // capacity 1 and one signal per Put: never blocks
}

// Wait returns when the Task has been finished.
func (t *Task) Wait() {
	if t.gate != nil {
		t.gate.Lock()
		return
	}
	<-t.done
}

// WaitContext is Wait that gives up when ctx ends while the Task is still
// queued in q. It reports whether the Task was finished; if not, the Task will
// never run and belongs to the caller.
func (t *Task) WaitContext(ctx context.Context, q *Inbox) bool {
	if t.gate != nil {
		return t.gateContext(ctx, q)
	}
	select {
	case <-t.done:
		return true
	case <-ctx.Done():
	}
	if q.Cancel(t) {
		return false
	}
	<-t.done // it has started: its end is what the caller waits for (T4)
	return true
}

func (t *Task) gateContext(ctx context.Context, q *Inbox) (finished bool) {
	cancelled := false
	stop := context.AfterFunc(ctx, func() {
		if q.Cancel(t) {
			cancelled = true
			t.gate.Unlock()
		}
	})
	t.gate.Lock()
	stop()
	return !cancelled
}

// newTask makes a Task that its maker may wait for.
func (q *Inbox) newTask() *Task {
	if !q.bubbled && bubble.Here() {
		t := &Task{gate: new(sync.Mutex)}
		t.gate.Lock()
		return t
	}
	return &Task{done: make(chan struct{}, 1)}
}
