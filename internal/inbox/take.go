package inbox

import (
	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/prim"
)

// WakeAt says that Next must return at a time, instead of when was said before. Calls must not
// overlap.
func (q *Inbox) WakeAt(at int64) {
	if at == q.until.Load() {
		return
	}
	// C6: first the time, then the look for the mark of sleep; doze does it the other way round.
	q.until.Store(at)
	if q.state.Load() == asleep {
		q.wake()
	}
}

// Until is what WakeAt said last.
func (q *Inbox) Until() int64 { return q.until.Load() }

// due reports whether that time has come.
func (q *Inbox) due() bool {
	at := q.until.Load()
	return at != prim.Never && prim.Now() >= at
}

// Next takes the oldest Task out, waiting until there is one. It returns nil and end once the Inbox
// is closed and empty, and nil alone when the time has come that WakeAt gave. With tasksFirst a
// queued Task comes before a time that has come. after says how the last Task ended, slept that the
// worker slept. Only the worker may call it, as most of what follows.
func (q *Inbox) Next(after pace.After, tasksFirst bool) (t *Task, slept, end bool) {
	q.rang = q.rang || after == pace.Rang
	if !q.Nested {
		q.pace.Next(&q.waiting, after, q.claimed.Load() >= q.lent)
	}
	for {
		var due bool
		if t, due, end = q.Try(tasksFirst); t != nil || due || end {
			return t, slept, end
		}
		tasksFirst = false
		if q.letRun() || q.due() || q.watch(after) {
			continue
		}
		from := q.pace.Sleep()
		if until := q.until.Load(); q.doze(until) {
			q.sleep(until)
			q.pace.Wake(&q.waiting, after, from)
			slept, after = true, pace.Seen
		}
	}
}

// letRun lets a caller run whom a worker that sleeps in the kernel has woken: it is in the queue of
// the worker's processor, which would go to the kernel with it. It reports whether it did.
func (q *Inbox) letRun() bool {
	if !q.rang || !q.bell.Kernel() {
		return false
	}
	q.rang = false
	prim.Yield()
	return true
}

// WaiterBell is what code of the worker's is to sleep on that waits for another Inbox; the zero
// Bell says that any will do.
func (q *Inbox) WaiterBell() prim.Bell {
	q.letRun()
	return q.bell.Other()
}

// Try is Next that does not wait. due says that the time has come that WakeAt gave.
func (q *Inbox) Try(tasksFirst bool) (t *Task, due, end bool) {
	for more := true; more; {
		if !tasksFirst && q.due() {
			return nil, true, false
		}
		if t = q.next(); t != nil || !q.news.Load() && !q.handed() && q.state.Load() != closed {
			break
		}
		q.mu.Lock()
		if more = q.lend(); !more {
			t = q.receive()
			end = t == nil && q.state.Load() == closed && !q.due()
		}
		q.mu.Unlock()
	}
	return t, false, end
}

// Pending reports whether Try would find something.
func (q *Inbox) Pending() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.recall()
	return q.due() || q.queued() || q.offered()
}

// queued reports whether something is queued and not lent, when the worker has read all that it has
// claimed. The caller holds mu.
func (q *Inbox) queued() bool {
	for q.first < q.end && *q.ring.at(q.first) == (item{}) {
		q.first++
	}
	return q.first < q.end
}

// lend lets the worker claim all that is queued, and reports whether that is something. The worker,
// which has claimed all that was lent before, holds mu.
func (q *Inbox) lend() bool {
	more := q.queued()
	if more {
		q.gather() // behind what its caller has posted before
		q.bare = q.tasksEnd <= q.first
		q.claimed.Store(q.first)
		q.full = q.first + q.ring.size()
		q.lent = q.end
		q.end = min((q.end+7)&^7, q.full) // what comes in now lies on another line than that
		q.first = q.end
		if q.view.Load() != q.ring {
			q.view.Store(q.ring)
		}
	}
	if q.news.Load() {
		q.news.Store(false)
	}
	return more
}

// claim takes the next item of what is lent, if there is one.
func (q *Inbox) claim() (it item) {
	ring := q.view.Load() // before it claims: then it has the ring in which the item is
	for it == (item{}) && q.claimed.Load() < q.lent {
		i := q.claimed.Add(1) - 1
		if i >= q.lent {
			break // recalled meanwhile
		}
		at := ring.at(i)
		it, *at = *at, item{}
	}
	return it
}

// next returns the next Task of what is lent, or nil: for posted closures the one that calls them.
func (q *Inbox) next() *Task {
	it := q.claim()
	if it == (item{}) {
		return nil
	}
	t := it.That()
	q.count(t, -1)
	if t != nil {
		return t
	}
	if q.posts == nil {
		q.posts = &posts{q: q}
		q.posts.run = q.posts.callAll
	}
	p := q.posts
	p.f, p.Weight = it.Func(), Chunk
	// In a bubble only the worker itself may drop what is queued, in between; and with timers no
	// more than one closure may come before them.
	if !q.bare || q.Single || q.Bubble != 0 || q.until.Load() != prim.Never {
		p.Weight = 1
	}
	return &p.Task
}

// Chunk is how many posted closures Next hands out as one Task, at most.
const Chunk = 15

// posts is the Task that stands for posted closures: for one that was claimed, and, if no Task
// comes between, for those behind it.
type posts struct {
	Task
	q *Inbox
	f func()
}

// callAll is the closure of that Task. A closure of it that panics or calls runtime.Goexit ends
// callAll, and Next hands out the rest. One that lets others in comes back to what they have left.
func (p *posts) callAll() {
	f := p.f
	p.f = nil
	for n := p.Weight; ; n-- {
		f()
		if n == 1 || !p.q.bare || p.q.until.Load() != prim.Never {
			return // a timer may be due
		}
		it := p.q.claim()
		if it == (item{}) {
			return
		}
		p.q.count(nil, -1)
		f = it.Func()
	}
}

// watch spins for a while if that is the way to wait. It reports whether the worker should look
// before it sleeps.
func (q *Inbox) watch(after pace.After) bool {
	return !q.Nested && q.pace.WorkerWatch(&q.waiting, after, func() bool {
		return q.handed() || q.news.Load() || q.due()
	})
}

// doze marks the worker asleep, and gives up the ring of a burst. It reports whether the bell will
// be rung; if not, the worker must look again.
//
// Either asleep comes first and Put or Close sees it and rings, or they were first and what came in
// is seen here, in the queue or in the lane. So it is with WakeAt and until.
func (q *Inbox) doze(until int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first != q.end {
		return false
	}
	if q.ring.size() > ringKept {
		q.ring, q.full = nil, q.end
		q.view.Store(nil)
	}
	if !q.Nested && q.pace.Stays() || !q.state.CompareAndSwap(awake, asleep) {
		return false
	}
	return !q.offered() && q.until.Load() == until || !q.state.CompareAndSwap(asleep, awake)
}

// sleep parks, after doze, until the bell rings or until has come.
func (q *Inbox) sleep(until int64) {
	if until == prim.Never {
		q.bell.Wait()
	} else if !q.bell.WaitUntil(&q.alarm, until) && !q.state.CompareAndSwap(asleep, awake) {
		q.bell.Wait() // whoever was quicker rings
	}
}
