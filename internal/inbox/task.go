package inbox

import (
	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/prim"
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
// Put; the Inbox until exactly one of Next, Cancel or Drop takes the Task out;
// that taker until Finish; and, if the Task is waited for, the submitter again
// from the return of Wait to Recycle.
//
// A Task fits a cache line. In the quick case the worker writes nothing here but
// state, so that the line crosses between two processors as seldom as can be.
type Task struct {
	// run is the closure. That of a lane's Task is in a hand, and here only while
	// the caller sleeps.
	run func()

	// In head's chain and in the pool: next; in the list: both, guarded by Inbox.mu.
	next, prev *Task

	*waiter // nil if nobody has ever waited for this Task
	*batch  // nil if this is one closure

	lane *lane // whose Task this is, or nil; immutable

	// state is how far the wait for this Task has come, unless that is in a hand.
	// It is over when it equals want, which Get sets to another number each time.
	//
	//	-> parked           Get, for a Task with a gate
	//	pending -> parked   the waiter, before it sleeps
	//	either -> want      Finish and Cancel: the closure has ended, was dropped
	//	                    or was cancelled, whether or not the waiter noticed
	//
	// Any number but want and parked is pending: so a Task is used again without
	// touching state. Finish's exchange publishes how the Task ended and all that
	// the closure did, and Finish signals a waiter that it finds parked. The
	// waiter reads the word while it spins. The ring check reads it after
	// Put, under ring.mu, until the waiter's edge is removed.
	state prim.Word
	want  uint32 // written by Get; read from then on

	Posted  bool // nobody waits inside Wait
	Own     bool // the Thread's own, which nobody has asked for: Drop does not count it
	Counted bool // counts against the limit of New
	HasSink bool // Frame is a Sink, which gets the end
	queued  bool // in the list; guarded by Inbox.mu
}

// parked is a state; want is below it.
const parked = 1 << 31

// A waiter is what a Task has that is waited for.
type waiter struct {
	// Frame is a Sink, or what the Task keeps for its next use: see ste.Call.
	Frame any

	// How the Task ended, if the closure did not just return: written by Finish,
	// read after Wait.
	Err error
	End End

	// The submitter's: how often the Task was used, modulo 256; whether Put has
	// woken the worker; the way to wait when it was queued; and when that was, if
	// it is measured, else 0.
	uses uint8
	woke bool
	last uint8 // of a lane: which hand was used last
	arm  pace.Arm
	from int64

	// bell is what the waiter sleeps on. It is rung at most once for each Put,
	// and then heard before the Task can be used again.
	bell prim.Bell
	// gate stands in for bell where the waiter is in a synctest bubble and the
	// Inbox is not: a channel made there may not be touched from outside, a
	// mutex may. It is locked from the start; Finish unlocks it.
	gate *prim.Mutex
}

// start notes, before the Task is queued, how its caller will wait, and when it began
// if that is to be measured.
func (w *waiter) start(p *pace.Pace) {
	w.uses++
	w.woke = false
	w.arm, w.from = p.Start(w.uses)
}

// Func is the closure that the Task stands for. Who has taken the Task out may
// call it.
func (t *Task) Func() func() {
	if t.lane != nil {
		return t.lane.run()
	}
	return t.run
}

// Over reports whether the wait for the Task has ended. It says nothing before Put.
func (t *Task) Over() bool {
	if t.lane != nil {
		return t.lane.over()
	}
	return t.state.Load() == t.want
}

// endWait ends the wait. It reports whether the waiter sleeps, or is about to.
func (t *Task) endWait() (sleeps bool) {
	// T5: either exchange publishes what the closure did to whoever sees the end.
	if t.lane != nil {
		return t.lane.taken().Swap(nil) == parkedHand
	}
	return t.state.Swap(t.want) == parked
}

// Weight is how many closures one call of Func may call.
func (t *Task) Weight() uint32 {
	if t.batch != nil {
		return uint32(t.chunk)
	}
	return 1
}

// Finish hands the end of a Task to whoever waits for it. Nothing of the Task
// may be used by the caller afterwards, unless Posted is set. It reports whether
// it has woken the waiter.
func (t *Task) Finish(end End, err error) (rang bool) {
	switch {
	case t.HasSink:
		sink := t.Frame.(Sink)
		t.run, t.Frame = nil, nil
		sink.Finish(end, err)
		return false
	case t.Posted:
		if t.batch == nil {
			t.run = nil
		}
		return false
	case end != Returned:
		t.End, t.Err = end, err
	}
	if !t.endWait() {
		return false // the waiter has seen it, and t may be anyone's by now
	}
	// T7: the closure goes now; who sleeps may take its time to wake.
	t.run = nil
	if t.gate != nil {
		t.gate.Unlock()
	} else {
		t.bell.Ring()
	}
	return true
}

// park announces the waiter's sleep. It reports whether the waiter may sleep; if
// not, the Task is finished.
func (t *Task) park() bool {
	if t.lane != nil {
		return t.lane.park()
	}
	s := t.state.Load()
	return s != t.want && t.state.CompareAndSwap(s, parked)
}

// Sink makes s get the end of t.
func (t *Task) Sink(s Sink) {
	if t.waiter == nil {
		t.waiter = new(waiter)
	}
	t.Frame, t.HasSink = s, true
}
