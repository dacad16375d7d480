package inbox

import (
	"github.com/ste-go/ste/internal/opaque"
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

// A Sink gets the end of a Task that nobody waits for inside Wait: once, from the worker or from
// whoever drops the Task.
type Sink interface{ Finish(end End, err error) }

// A Task is one closure on its way through an Inbox. One party owns it at any time, and only the
// owner touches its plain fields: the submitter from Get to Put; the Inbox until exactly one of
// Next, Cancel or Drop takes the Task out; that taker until Finish; and, if the Task is waited for,
// the submitter again from the return of Wait to Recycle. A Task fits a cache line, and in one of
// Get, which is a call, nobody writes it in the quick case.
type Task struct {
	run   func() // the closure; of a call here only while the caller sleeps
	*call        // nil if nobody waits; immutable
	Sink  Sink   // gets the end, or nil; immutable

	// bell is what the caller sleeps on. It is rung at most once for each Put, and then heard before
	// the Task can be used again. gate stands in for it where the caller is in a synctest bubble and
	// the Inbox is not: a channel made there may not be touched from outside, a mutex may. It is
	// locked from the start; Finish unlocks it. Immutable, but for Calm.
	bell prim.Bell
	gate *prim.Mutex

	Own    bool  // the Thread's own, which nobody has asked for: Drop does not count it; immutable
	Weight uint8 // how many closures one call of Func may call, 0 for one
}

// A call is a Task with what it takes to wait for it. Its parts lie on lines of their own: what
// both sides write, what both only read in the quick case, what the caller writes.
type call struct {
	// hands are used in turn. So a closure in the hand that was not used last has just come in, and
	// one in the other was taken over before.
	hands [2]hand
	_     [line - 16]byte // TestLayout

	task Task

	Frame any   // what the Task keeps for its next use: see ste.Call
	Err   error // how it ended, if the closure did not just return: written by Finish, read after Wait
	End   End   // the same

	// The caller's: how often the Task was used, modulo 256; whether Put has woken the worker; which
	// hand was used last; whether it must not spin.
	uses uint8
	woke bool
	last uint8
	calm bool

	next *Task // in the pool
	at   int64 // its number in the queue, if it is there; guarded by Inbox.mu
}

// A hand is where a closure lies from Put to its end. Both sides watch it, and each writes it once
// for a round trip: whoever wrote something else on its line first would see the line taken away,
// by the other's watching, between the two.
//
//	nil -> the closure    the caller, in Put
//	nil -> parked         the caller, in Put, if it has a gate
//	closure -> parked     the caller, before it sleeps
//	either -> nil         whoever has taken the Task out, at its end; or the caller whom the Inbox
//	                      refuses, of the lane under mu
//
// The store publishes the closure, the exchange for nil how it ended and all that it did; who finds
// parked then wakes the caller. Read by the caller while it spins, and by the ring check: after
// Put, under ring.mu, until the caller's edge is removed.
type hand = prim.Pointer[opaque.Code]

// parked is the mark of a hand whose caller sleeps. The closure is in the Task then.
var parked = new(opaque.Code)

// taken returns the hand of a call that was taken out.
func (t *Task) taken() *hand {
	if h := &t.hands[0]; h.Load() != nil {
		return h
	}
	return &t.hands[1]
}

// Func is the closure that the Task stands for. Who has taken the Task out may call it.
func (t *Task) Func() func() {
	if t.call != nil {
		if c := t.taken().Load(); c != parked {
			return c.Func()
		}
	}
	return t.run
}

// Calm says, before Put and again after Wait, whether the caller must not spin, and replaces what
// it sleeps on unless b is the zero Bell. It returns what that was, if it did.
func (t *Task) Calm(b prim.Bell, calm bool) (old prim.Bell) {
	if t.calm = calm; b != (prim.Bell{}) {
		old, t.bell = t.bell, b
	}
	return old
}

// Waited reports whether somebody waits for it inside Wait.
func (t *Task) Waited() bool { return t.call != nil }

// Over reports whether the wait for a call has ended. It says nothing before Put.
func (t *Task) Over() bool { return t.hands[t.last].Load() == nil }

// endWait ends the wait for a call. It reports whether the caller sleeps, or is about to.
func (t *Task) endWait() (sleeps bool) {
	// T5: the exchange publishes what the closure did to whoever sees the end.
	return t.taken().Swap(nil) == parked
}

// Finish hands the end of a Task to whoever waits for it. Nothing of a call may be used afterwards.
// It reports whether it has woken the caller.
func (t *Task) Finish(end End, err error) (rang bool) {
	if t.call == nil {
		if t.Sink != nil {
			t.Sink.Finish(end, err)
		}
		return false
	}
	if end != Returned {
		t.End, t.Err = end, err
	}
	if !t.endWait() {
		return false // the caller has seen it, and t may be anyone's by now
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

// park announces the caller's sleep. It reports whether the caller may sleep; if not, the Task is
// finished.
func (t *Task) park() bool {
	h := &t.hands[t.last]
	c := h.Load()
	if c == nil {
		return false
	}
	t.run = c.Func() // nobody may have taken it out yet
	return h.CompareAndSwap(c, parked)
}
