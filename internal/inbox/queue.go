package inbox

import (
	"github.com/ste-go/ste/internal/opaque"
	"github.com/ste-go/ste/internal/prim"
)

// A Verdict is Put's answer.
type Verdict uint8

const (
	Accepted Verdict = iota
	Closed           // Close was called before
	Full             // the limit of counted items is reached
)

// An item is a place in the queue: a Task, or a closure that nobody waits for, which needs nothing
// but its place; or nothing, if that was cancelled.
type item = opaque.Either[Task]

// counts reports whether the limit counts an item: t or, if that is nil, a closure.
func counts(t *Task) bool { return t == nil || t.Sink != nil }

// A ring has room for as many items as a power of two.
type ring struct{ items []item }

// at is where the item of number i lies.
func (r *ring) at(i int64) *item { return &r.items[i&int64(len(r.items)-1)] }

func (r *ring) size() int64 {
	if r == nil {
		return 0
	}
	return int64(len(r.items))
}

const (
	ringLeast = prim.Room // items in the smallest ring
	ringKept  = 1024      // and in the largest that is kept when there is nothing to do
)

// Put queues t, which stands for run. On Closed and Full t stays the caller's.
func (q *Inbox) Put(t *Task, run func()) (v Verdict) {
	c := t.call
	if c == nil {
		t.run = run
		v, _ = q.add(t, opaque.That(t))
		return v
	}
	c.uses++
	c.last ^= 1
	h := &c.hands[c.last]
	if c == q.lane.Load() {
		v, c.woke = q.offer(h, run)
	} else {
		if t.gate != nil {
			t.run = run
			h.Store(parked)
		} else {
			h.Store(opaque.CodeOf(run))
		}
		if v, c.woke = q.add(t, opaque.That(t)); v != Accepted {
			h.Store(nil)
		}
	}
	if v != Accepted {
		c.last ^= 1
	}
	return v
}

// Post queues f for nobody.
func (q *Inbox) Post(f func()) Verdict {
	v, _ := q.add(nil, opaque.Call[Task](f))
	return v
}

// add queues an item, t or a closure; then t may be anyone's. woke says that the worker slept.
func (q *Inbox) add(t *Task, it item) (v Verdict, woke bool) {
	q.mu.Lock()
	// T6: accepted or refused, under the lock that Close takes.
	state := q.state.Load()
	switch {
	case state == closed:
		q.mu.Unlock()
		return Closed, false
	case q.limit > 0 && counts(t):
		if q.counted.Load() >= q.limit {
			q.mu.Unlock()
			return Full, false
		}
		q.counted.Add(1)
	case t != nil && t.Own:
		q.gather() // it comes after all that was accepted
	}
	q.push(t, it)
	q.mu.Unlock()
	return Accepted, state == asleep && q.wake()
}

// wake wakes the worker unless somebody else has. It reports whether it did.
func (q *Inbox) wake() bool {
	if !q.state.CompareAndSwap(asleep, awake) {
		return false
	}
	q.bell.Ring()
	return true
}

// push appends an item. The caller holds mu.
func (q *Inbox) push(t *Task, it item) {
	if q.end >= q.full {
		q.room()
	}
	// T3: the numbers are the order.
	*q.ring.at(q.end) = it
	if t != nil {
		t.number(q.end)
		q.tasksEnd = q.end + 1
	}
	q.end++
	if !q.news.Load() {
		q.news.Store(true)
	}
}

// room makes room for another item. The caller holds mu.
func (q *Inbox) room() {
	size := q.ring.size()
	q.full = min(q.claimed.Load(), q.first) - 1 + size // perhaps the last claimed is still to be read
	if q.full-q.end > size/4 {
		return
	}
	// Another ring, in which cancelled items have no place, or a storm of them behind a Task that
	// never ends would need ever more.
	q.recall()
	live := int64(0)
	for i := q.first; i < q.end; i++ {
		if *q.ring.at(i) != (item{}) {
			live++
		}
	}
	if size = max(size, ringLeast); live > size/2 {
		size *= 2
	}
	old, end := q.ring, q.end
	q.ring, q.end, q.full = &ring{make([]item, size)}, q.first, q.first+size
	for i := q.first; i < end; i++ {
		if it := *old.at(i); it != (item{}) {
			*q.ring.at(q.end) = it
			if t := it.That(); t != nil {
				t.number(q.end)
			}
			q.end++
		}
	}
}

// recall ends what lend has begun: what the worker has not claimed it will not. The caller holds mu.
func (q *Inbox) recall() {
	q.news.Store(true) // first, as the worker looks for it when it finds nothing to claim
	if from := q.claimed.Swap(q.lent); from < q.lent {
		q.first = from
	}
	q.view.Store(nil)
}

// uncount makes room for another counted item.
func (q *Inbox) uncount(t *Task) {
	if q.limit > 0 && counts(t) {
		q.counted.Add(-1)
	}
}

// Cancel takes t, a call's, out of the queue unless something else has. It reports whether it did;
// then t will never run and belongs to the caller.
func (q *Inbox) Cancel(t *Task) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.call == q.lane.Load() && q.offered() {
		q.receive()
	} else {
		// T12: only what the worker has not claimed, and cannot claim any more.
		q.recall()
		if t.at < q.first || t.at >= q.end || q.ring.at(t.at).That() != t {
			return false
		}
		*q.ring.at(t.at) = item{}
	}
	t.endWait()
	return true
}

// Drop takes out everything that is queued, oldest first, and finishes it as Dropped with err. It
// returns how many there were, but for the Thread's own.
func (q *Inbox) Drop(err error) (n int) {
	q.mu.Lock()
	q.recall()
	q.gather()
	ring, first, end := q.ring, q.first, q.end
	q.ring, q.first, q.full = nil, end, end
	q.mu.Unlock()
	for i := first; i < end; i++ {
		it := *ring.at(i)
		if it == (item{}) {
			continue
		}
		t := it.That()
		q.uncount(t)
		if t == nil || !t.Own {
			n++
		}
		if t != nil {
			t.Finish(Dropped, err) // it is its caller's now
		}
	}
	return n
}
