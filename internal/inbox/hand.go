package inbox

import (
	"unsafe"

	"github.com/ste-go/ste/internal/prim"
)

// A hand is how the closure of a lone caller gets to the worker and its end gets
// back: both in the same word, by one write each, so that a round trip moves one
// cache line there and back. That is the least that any two processors can do.
// A second word that either side writes first would make it half as much again:
// the other side, watching, takes the line away between the two writes.
//
//	nil -> the closure    the submitter, in offer
//	closure -> parked     the submitter, before it sleeps
//	either -> nil         Finish and Cancel; or the submitter, refused by a Closed Inbox
//
// There are two, used in turn. So a closure in the hand that was not used last
// has just come in, and one in the other hand was taken over before.
type hand = prim.Pointer[code]

// code is what a func value points to. The language does not say that a func
// value is one pointer; all of Go's compilers for systems with threads do that.
type code struct{ _ byte }

const _ = -(unsafe.Sizeof((func())(nil)) ^ unsafe.Sizeof((*code)(nil)))

func codeOf(f func()) *code { return *(**code)(unsafe.Pointer(&f)) }

func funcOf(c *code) func() { return *(*func())(unsafe.Pointer(&c)) }

// parkedHand is the mark of a hand whose submitter sleeps. The closure is in
// hot.run then.
var parkedHand = new(code)

// offer is push for the hot Task. The worker marks itself asleep and then looks
// at the hands; here it is the other way round, so that one sees the other.
func (q *Inbox) offer(run func()) int {
	if q.head.Load() == closed {
		return refused
	}
	w := q.hot.waiter
	w.turn ^= 1
	h := &q.hands[w.turn]
	h.Store(codeOf(run))
	switch q.head.Load() {
	case asleep:
		if q.head.CompareAndSwap(asleep, nil) {
			return wake
		}
	case closed: // meanwhile; the worker may have ended, or be about to take it
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.offered() {
			h.Store(nil)
			w.turn ^= 1
			return refused
		}
	}
	return done
}

// offered reports whether the hot Task has come in and was not taken over. The
// caller holds mu.
func (q *Inbox) offered() bool { return q.hands[q.turn^1].Load() != nil }

// receive takes the hot Task over. The caller holds mu.
func (q *Inbox) receive() *Task {
	q.turn ^= 1
	if c := q.hands[q.turn].Load(); c != parkedHand {
		q.run = funcOf(c)
	} else {
		q.run = q.hot.run
	}
	return &q.hot
}

// parkHand announces the sleep of the hot Task's submitter. It reports whether it
// may sleep; if not, the Task is finished.
func (q *Inbox) parkHand() bool {
	h := &q.hands[q.hot.waiter.turn]
	c := h.Load()
	if c == nil {
		return false
	}
	q.hot.run = funcOf(c) // the worker may not have taken it over yet
	return h.CompareAndSwap(c, parkedHand)
}

// handsFull reports whether there is something in one of the hands. To the
// worker, which has finished what it took over, that means an offer.
func (q *Inbox) handsFull() bool {
	return q.hands[0].Load() != nil || q.hands[1].Load() != nil
}

// handBack ends the wait for the hot Task. It reports whether the submitter
// sleeps. Whoever has taken the Task over calls it.
func (q *Inbox) handBack() (sleeps bool) {
	q.run = nil
	return q.hands[q.turn].Swap(nil) == parkedHand
}
