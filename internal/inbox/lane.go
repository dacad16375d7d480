package inbox

import (
	"github.com/ste-go/ste/internal/opaque"
	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/prim"
)

// A lane takes the closures of a lone caller to the worker, beside the queue. A
// Submit that goes through it moves one cache line to the worker and back, which
// is the least that any two processors can do; one that goes through head moves
// three. An Inbox gets one with its first caller.
//
// Its parts lie on lines of their own: what both sides write, what both sides
// only read in the quick case, what the caller writes, what it measures.
type lane struct {
	// hands are used in turn. So a closure in the hand that was not used last has
	// just come in, and one in the other was taken over before.
	hands [2]hand
	_     [line - 16]byte // the Task's line begins here; TestLayout

	task Task

	caller waiter

	meter pace.Meter
}

// A hand is where a closure lies from Put to its end. Both sides watch it, and
// each writes it once for a round trip: whoever wrote something else on its line
// first would see the line taken away, by the other's watching, between the two.
//
//	nil -> the closure    the caller, in offer
//	closure -> parked     the caller, before it sleeps
//	either -> nil         whoever has taken the Task over, at its end; or the
//	                      caller, under mu, whom a closed Inbox refuses
type hand = prim.Pointer[opaque.Code]

// parkedHand is the mark of a hand whose caller sleeps. The closure is in the
// Task then.
var parkedHand = new(opaque.Code)

// lone returns the lane's Task, or nil if somebody else has it.
func (q *Inbox) lone() *Task {
	if !q.pool.busy.CompareAndSwap(0, 1) {
		return nil
	}
	l := q.lane.Load()
	if l == nil {
		l = new(lane)
		l.task.lane, l.task.waiter = l, &l.caller
		q.pace.UseMeter(&l.meter)
		q.lane.Store(l)
	}
	return &l.task
}

// offer is push for the Task of a lane. The worker marks itself asleep and then
// looks at the hands; here it is the other way round, so that one sees the other.
func (q *Inbox) offer(l *lane, run func()) pushed {
	if q.head.Load() == closed {
		return pushedRefused
	}
	l.caller.last ^= 1
	h := &l.hands[l.caller.last]
	h.Store(opaque.CodeOf(run))
	switch q.head.Load() {
	case asleep:
		if q.head.CompareAndSwap(asleep, nil) {
			return pushedWake
		}
	case closed: // meanwhile; the worker may have ended, or be about to take it
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.offered() {
			h.Store(nil)
			l.caller.last ^= 1
			return pushedRefused
		}
	}
	return pushedDone
}

// offered reports whether the lane's Task has come in and was not taken over.
// The caller holds mu.
func (q *Inbox) offered() bool {
	l := q.lane.Load()
	return l != nil && l.hands[q.handTaken^1].Load() != nil
}

// receive takes the lane's Task over. The caller holds mu.
func (q *Inbox) receive() *Task {
	q.handTaken ^= 1
	return &q.lane.Load().task
}

// handed reports whether there is something in one of the hands. To the worker,
// which has finished all that was taken over, that means an offer.
func (q *Inbox) handed() bool {
	l := q.lane.Load()
	return l != nil && (l.hands[0].Load() != nil || l.hands[1].Load() != nil)
}

// taken returns the hand with the Task that was taken over.
func (l *lane) taken() *hand {
	if h := &l.hands[0]; h.Load() != nil {
		return h
	}
	return &l.hands[1]
}

// run returns the closure of the Task that was taken over.
func (l *lane) run() func() {
	if c := l.taken().Load(); c != parkedHand {
		return c.Func()
	}
	return l.task.run
}

// over reports whether the Task that the caller put last has ended.
func (l *lane) over() bool { return l.hands[l.caller.last].Load() == nil }

// park announces the caller's sleep. It reports whether the caller may sleep; if
// not, the Task has ended.
func (l *lane) park() bool {
	h := &l.hands[l.caller.last]
	c := h.Load()
	if c == nil {
		return false
	}
	l.task.run = c.Func() // nobody may have taken it over yet
	return h.CompareAndSwap(c, parkedHand)
}
