// Package inbox is the hand-off between the goroutines that give a Thread work
// and the one that does it: a queue, the sleep of the worker, the wait of the
// caller. All atomics, parking and reuse of the hand-off are here.
//
// One lock guards the queue. That keeps three things simple which a lock-free
// queue makes hard: a cancelled Task leaves the middle of the queue at once,
// also behind a Task that never ends; accepting work and closing are one
// decision; and a Task leaves in exactly one of three ways (Next, Cancel, Drop).
package inbox

import (
	"sync"
	"weak"
)

// A Verdict is Put's answer.
type Verdict uint8

const (
	Accepted Verdict = iota
	Closed           // Close was called before
	Full             // the limit of counted Tasks is reached
)

// keep is the number of free Tasks an Inbox holds on to. It covers the callers
// that wait at one time in the programs we know (8 to 64 goroutines); beyond it
// a burst's Tasks are left to the garbage collector.
const keep = 64

// An Inbox is a queue of Tasks with many producers and one worker. Make it with
// New.
type Inbox struct {
	bubbled bool // made inside a synctest bubble; immutable
	limit   int  // most counted Tasks queued at once, 0 for any; immutable

	// bell wakes the worker. Capacity 1; whoever turns sleeping from true to
	// false rings once, and the worker takes the ring before it sleeps again.
	bell chan struct{}

	mu sync.Mutex
	// Guarded by mu.
	head, tail *Task // queued, oldest first
	counted    int   // how many of them are Counted
	closed     bool  // false to true, once
	sleeping   bool  // the worker waits for the bell

	// Free Tasks, guarded by mu. Those beyond keep hang on a weak pointer once
	// the worker has nothing to do: the next burst finds them again, the next
	// garbage collection takes them.
	free   *Task
	nfree  int
	spare  weak.Pointer[Task]
	nspare int
}

// New makes an Inbox that holds at most limit counted Tasks (0 for any number).
// bubbled says that the caller is in a synctest bubble.
func New(limit int, bubbled bool) *Inbox {
	return &Inbox{limit: limit, bubbled: bubbled, bell: make(chan struct{}, 1)}
}

// Get returns an empty Task for Put.
func (q *Inbox) Get() *Task {
	q.mu.Lock()
	if q.free == nil {
		if t := q.spare.Value(); t != nil {
			q.free, q.nfree = t, q.nspare
		}
		q.spare, q.nspare = weak.Pointer[Task]{}, 0
	}
	t := q.free
	if t != nil {
		q.free, t.next = t.next, nil
		q.nfree--
	}
	q.mu.Unlock()
	if t == nil {
		return q.newTask()
	}
	t.over.Store(false)
	return t
}

// Recycle takes back a Task that is out of the queue and finished with.
func (q *Inbox) Recycle(t *Task) {
	t.Run, t.Sink, t.Err, t.Posted, t.Counted = nil, nil, nil, false, false
	if t.gate != nil {
		return // made for one wait only
	}
	q.mu.Lock()
	t.next, q.free = q.free, t
	q.nfree++
	q.mu.Unlock()
}

// Put queues t. On any answer but Accepted t stays the caller's.
func (q *Inbox) Put(t *Task) Verdict {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return Closed
	}
	if t.Counted {
		if q.limit > 0 && q.counted >= q.limit {
			q.mu.Unlock()
			return Full
		}
		q.counted++
	}
	t.queued = true
	t.prev = q.tail
	if q.tail == nil {
		q.head = t
	} else {
		q.tail.next = t
	}
	q.tail = t
	q.unlockAndWake()
	return Accepted
}

// unlockAndWake releases mu and rings for a sleeping worker.
func (q *Inbox) unlockAndWake() {
	wake := q.sleeping
	q.sleeping = false
	q.mu.Unlock()
	if wake {
		q.bell <- struct{}{} // never blocks: one ring per sleep
	}
}

// remove takes t out of the queue. The caller holds mu.
func (q *Inbox) remove(t *Task) {
	if t.prev == nil {
		q.head = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		q.tail = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.next, t.prev, t.queued = nil, nil, false
	if t.Counted {
		q.counted--
	}
}

// Cancel takes t out of the queue unless something else has. It reports whether
// it did; then t will never run and belongs to the caller.
func (q *Inbox) Cancel(t *Task) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !t.queued {
		return false
	}
	q.remove(t)
	t.over.Store(true)
	return true
}

// Next takes the oldest Task out, sleeping until there is one. It returns nil
// once the Inbox is closed and empty. slept says that the worker slept. Only
// the worker may call it.
func (q *Inbox) Next() (t *Task, slept bool) {
	q.mu.Lock()
	for {
		if t = q.head; t != nil {
			q.remove(t)
			q.mu.Unlock()
			return t, slept
		}
		if q.closed {
			q.mu.Unlock()
			return nil, slept
		}
		q.shed()
		// Under mu, so no Put can fall between the look at the queue and the
		// sleep: it either was seen above or sees sleeping and rings.
		q.sleeping = true
		q.mu.Unlock()
		<-q.bell
		slept = true
		q.mu.Lock()
	}
}

// shed leaves the free Tasks beyond keep to the garbage collector. The caller
// holds mu.
func (q *Inbox) shed() {
	if q.nfree <= keep {
		return
	}
	last := q.free
	for range keep - 1 {
		last = last.next
	}
	q.spare, q.nspare = weak.Make(last.next), q.nfree-keep
	last.next, q.nfree = nil, keep
}

// Close refuses all further Tasks. Those queued stay. It reports whether it was
// the first.
func (q *Inbox) Close() bool {
	q.mu.Lock()
	first := !q.closed
	q.closed = true
	q.unlockAndWake()
	return first
}

// Closed reports whether Close was called.
func (q *Inbox) Closed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// Drop takes out everything that is queued, oldest first, and finishes it as
// Dropped with err. It returns how many there were.
func (q *Inbox) Drop(err error) int {
	q.mu.Lock()
	t := q.head
	q.head, q.tail, q.counted = nil, nil, 0
	for d := t; d != nil; d = d.next {
		d.prev, d.queued = nil, false
	}
	q.mu.Unlock()
	n := 0
	for t != nil {
		next := t.next
		t.next = nil
		t.Finish(Dropped, err) // t is its waiter's now
		t = next
		n++
	}
	return n
}
