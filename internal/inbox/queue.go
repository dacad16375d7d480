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

// An item is a place in the queue: a Task, a closure that nobody waits for, or, once that was
// cancelled, nothing.
type item = opaque.Either[Task]

// counts reports whether the limit counts an item: t or, if that is nil, a closure.
func counts(t *Task) bool { return t == nil || t.Sink != nil }

// A ring has room for as many items as a power of two; nil has none.
type ring struct{ items []item }

// at is where the item of number i lies.
func (r *ring) at(i int64) *item { return &r.items[i&int64(len(r.items)-1)] }

func (r *ring) size() int64 {
	if r == nil {
		return 0
	}
	return int64(len(r.items))
}

// ringKept is the size of the largest ring that is kept when there is nothing to do.
const ringKept = 1024

// Put queues t, which stands for run. On Closed and Full t stays the caller's.
func (q *Inbox) Put(t *Task, run func()) (v Verdict) {
	c := t.call
	if c == nil {
		t.run = run
		v, _ = q.add(opaque.That(t))
		return v
	}
	c.uses++
	c.last ^= 1
	h := &c.hands[c.last]
	if c == q.lane.Load() {
		v, c.woke = q.offer(h, run)
	} else {
		code := opaque.CodeOf(run)
		if t.gate != nil {
			t.run, code = run, parked
		}
		h.Store(code)
		if v, c.woke = q.add(opaque.That(t)); v != Accepted {
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
	v, _ := q.add(opaque.Call[Task](f))
	return v
}

// add queues an item; then its Task may be anyone's. woke says that the worker slept.
func (q *Inbox) add(it item) (v Verdict, woke bool) {
	t := it.That()
	q.mu.Lock()
	// T6: accepted or refused, under the lock that Close takes.
	state := q.state.Load()
	switch {
	case state == closed:
		v = Closed
	case q.limit > 0 && counts(t) && q.counted.Load() >= q.limit:
		v = Full
	default:
		if t != nil && t.Own {
			q.gather() // it comes after all that was accepted
		}
		q.count(t, 1)
		q.push(it)
	}
	q.mu.Unlock()
	return v, v == Accepted && state == asleep && q.wake()
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
func (q *Inbox) push(it item) {
	if q.end >= q.full {
		q.room()
	}
	// T3: the numbers are the order.
	*q.ring.at(q.end) = it
	if t := it.That(); t != nil {
		q.tasksEnd = q.end + 1
		if t.call != nil {
			t.at = q.end
		}
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
	if size = max(size, prim.Room); live > size/2 {
		size *= 2
	}
	old, end := q.ring, q.end
	q.ring, q.end, q.full = &ring{make([]item, size)}, q.first, q.first+size
	for i := q.first; i < end; i++ {
		if it := *old.at(i); it != (item{}) {
			q.push(it)
		}
	}
}

// recall ends what lend has begun: what the worker has not claimed it will not. The caller holds
// mu.
func (q *Inbox) recall() {
	q.news.Store(true) // first, as the worker looks for it when it finds nothing to claim
	if from := q.claimed.Swap(q.lent); from < q.lent {
		q.first = from
	}
	q.view.Store(nil)
}

// count counts an item that comes in or goes, t or a closure, if there is a limit.
func (q *Inbox) count(t *Task, n int64) {
	if q.limit > 0 && counts(t) {
		q.counted.Add(n)
	}
}

// Cancel takes t, a call's, out of the queue unless something else has. It reports whether it did;
// then t will never run and belongs to the caller.
func (q *Inbox) Cancel(t *Task) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.call != q.lane.Load() || q.receive() == nil {
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
		t := it.That()
		if it != (item{}) && (t == nil || !t.Own) {
			q.count(t, -1)
			n++
		}
		if t != nil {
			t.Finish(Dropped, err) // it is its caller's now
		}
	}
	return n
}
