package inbox

import (
	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/prim"
)

// A Service says how the worker goes about it.
type Service struct {
	Nested bool // inside a Task: it does not spin, for that one's hand is full
	Single bool // each Task is one closure
}

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

// Serve sets how the worker goes about it from now on, and returns how it did. Only the worker may
// call it.
func (q *Inbox) Serve(s Service) (before Service) {
	before = q.service
	q.service = s
	return before
}

// Next takes the oldest Task out, waiting until there is one. It returns nil and end once the Inbox
// is closed and empty, and nil alone when the time has come that WakeAt gave. With tasksFirst a
// queued Task comes before a time that has come. after says how the last Task ended, slept that the
// worker slept. Only the worker may call it.
func (q *Inbox) Next(after pace.After, tasksFirst bool) (t *Task, slept, end bool) {
	q.rang = q.rang || after == pace.Rang
	if !q.service.Nested {
		q.pace.Next(&q.waiting, after, q.claimed.Load() >= q.lent)
	}
	for {
		var due bool
		if t, due, end = q.Try(tasksFirst); t != nil || due || end {
			return t, slept, end
		}
		tasksFirst = false
		if q.letRun() {
			continue
		}
		if q.due() || q.watch(after) {
			continue
		}
		q.shed()
		from := q.pace.Sleep(after)
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

// Try is Next that does not wait. due says that the time has come that WakeAt gave; with tasksFirst
// a queued Task comes before that. Only the worker may call it.
func (q *Inbox) Try(tasksFirst bool) (t *Task, due, end bool) {
	for {
		if !tasksFirst && q.due() {
			return nil, true, false
		}
		if t = q.next(); t != nil {
			return t, false, false
		}
		if !q.news.Load() && !q.handed() && q.state.Load() != closed {
			return nil, false, false
		}
		q.mu.Lock()
		more := q.lend()
		if !more && q.offered() {
			t = q.receive()
		}
		end = !more && t == nil && q.state.Load() == closed && !q.due()
		q.mu.Unlock()
		if !more {
			return t, false, end
		}
	}
}

// Pending reports whether Try would find something. Only the worker may call it.
func (q *Inbox) Pending() bool {
	if q.due() {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.recall()
	return q.queued() || q.offered()
}

// queued reports whether something is queued and not lent. The worker calls it, which has read all
// that it has claimed, and holds mu.
func (q *Inbox) queued() bool {
	for q.first < q.end && *q.ring.at(q.first) == (item{}) {
		q.first++
	}
	return q.first < q.end
}

// lend lets the worker claim all that is queued, and reports whether that is something. The worker
// calls it, which has claimed all that was lent before, and holds mu.
func (q *Inbox) lend() bool {
	more := q.queued()
	if more {
		q.gather() // behind what its caller has posted before
		q.bare = q.tasksEnd <= q.first
		q.claimed.Store(q.first)
		q.full = q.first + q.ring.size()
		q.lent = q.end
		q.end = min((q.end+7)&^7, q.full) // what comes in now lies on another line than what the worker writes
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

// claim takes the next item of what is lent, if there is one. Only the worker may call it.
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

// next returns the next Task of what is lent, or nil. Only the worker may call it.
func (q *Inbox) next() *Task {
	it := q.claim()
	if it == (item{}) {
		return nil
	}
	t := it.That()
	q.uncount(t)
	if t == nil {
		t = q.posted(it.Func())
	}
	return t
}

// posts is the Task that stands for posted closures: for one that was claimed, and, if no Task
// comes between, for those behind it. The worker's.
type posts struct {
	Task
	q *Inbox
	f func()
}

// Chunk is how many posted closures Next hands out as one Task, at most.
const Chunk = 15

// posted returns the Task that stands for f.
func (q *Inbox) posted(f func()) *Task {
	p := q.posts
	if p == nil {
		p = &posts{q: q}
		p.run = p.callAll
		q.posts = p
	}
	p.f, p.weight = f, Chunk
	// In a bubble only the worker itself may drop what is queued, in between; and
	// with timers no more than one closure may come before them.
	if !q.bare || q.service.Single || q.bubble != 0 || q.until.Load() != prim.Never {
		p.weight = 1
	}
	return &p.Task
}

// callAll is the closure of that Task. A closure of it that panics or calls runtime.Goexit ends
// callAll, and Next hands out the rest. One that lets others in comes back to what they have left.
func (p *posts) callAll() {
	f := p.f
	p.f = nil
	for n := p.weight; ; n-- {
		f()
		if n == 1 || !p.q.bare || p.q.until.Load() != prim.Never {
			return // a timer may be due
		}
		it := p.q.claim()
		if it == (item{}) {
			return
		}
		p.q.uncount(nil)
		f = it.Func()
	}
}

// watch spins for a while if that is the way to wait. It reports whether the worker should look
// before it sleeps.
func (q *Inbox) watch(after pace.After) bool {
	if q.service.Nested {
		return false
	}
	watch, spins := q.pace.WorkerWatch(&q.waiting, after)
	if !spins {
		return false
	}
	for {
		for range watch.Looks() {
			if q.handed() || q.news.Load() {
				watch.Found()
				return true
			}
			watch.Pause()
		}
		now := prim.Now()
		if now >= q.until.Load() {
			return true
		}
		if on, again := watch.Goes(now); !on {
			if again {
				q.shed()
			}
			return again
		}
	}
}

// shed gives up the ring of a burst. The worker calls it when it has nothing to do.
func (q *Inbox) shed() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first == q.end && q.ring.size() > ringKept {
		q.ring, q.full = nil, q.end
		q.view.Store(nil)
	}
}

// doze marks the worker asleep. It reports whether the bell will be rung; if not, there is
// something to look at. Only the worker may call it.
//
// Either asleep comes first and Put or Close sees it and rings, or they were first and what came in
// is seen here, in the queue or in the lane. So it is with WakeAt and until.
func (q *Inbox) doze(until int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first != q.end || !q.state.CompareAndSwap(awake, asleep) {
		return false
	}
	return !q.offered() && q.until.Load() == until || !q.state.CompareAndSwap(asleep, awake)
}

// sleep parks until the bell rings or until has come. Only the worker may call it, after doze.
func (q *Inbox) sleep(until int64) {
	if until == prim.Never {
		q.bell.Wait()
	} else if !q.bell.WaitUntil(&q.alarm, until) && !q.state.CompareAndSwap(asleep, awake) {
		q.bell.Wait() // whoever was quicker rings
	}
}
