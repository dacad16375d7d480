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

// WakeAt says that Next must return at a time, instead of when was said before.
// Calls must not overlap.
func (q *Inbox) WakeAt(at int64) {
	if at == q.until.Load() {
		return
	}
	// C6: first the time, then the look for the mark of sleep; doze does it the other way round.
	q.until.Store(at)
	if q.head.Load() == asleep && q.head.CompareAndSwap(asleep, nil) {
		q.bell.Ring()
	}
}

// Until is what WakeAt said last.
func (q *Inbox) Until() int64 { return q.until.Load() }

// due reports whether that time has come.
func (q *Inbox) due() bool {
	at := q.until.Load()
	return at != prim.Never && prim.Now() >= at
}

// Serve sets how the worker goes about it from now on, and returns how it did.
// Called inside a Task, it leaves the batch of that to the garbage collector: its
// call will look at it again. Only the worker may call it.
func (q *Inbox) Serve(s Service) (before Service) {
	if s.Nested && q.running != nil {
		q.running.inCall = true
	}
	before = q.service
	q.service = s
	return before
}

// Next takes the oldest Task out, waiting until there is one. It returns nil and
// end once the Inbox is closed and empty, and nil alone when the time has come
// that WakeAt gave. With tasksFirst a queued Task comes before a time that has come.
// after says how the last Task ended, slept that the worker slept. Only the worker may
// call it.
func (q *Inbox) Next(after pace.After, tasksFirst bool) (t *Task, slept, end bool) {
	for {
		var due bool
		if t, due, end = q.Try(tasksFirst); t != nil || due || end {
			return t, slept, end
		}
		tasksFirst = false
		if q.due() || q.watch(after) {
			continue
		}
		q.pool.shed()
		from := q.pace.Sleep(&q.waiting, after)
		if until := q.until.Load(); q.doze(until) {
			q.sleep(until)
			q.pace.Wake(&q.waiting, after, from)
			slept, after = true, pace.Seen
		}
	}
}

// Try is Next that does not wait. due says that the time has come that WakeAt
// gave; with tasksFirst a queued Task comes before that. Only the worker may call it.
func (q *Inbox) Try(tasksFirst bool) (t *Task, due, end bool) {
	for {
		if !tasksFirst && q.due() {
			return nil, true, false
		}
		if t = q.unfinished(); t != nil {
			return t, false, false
		}
		q.mu.Lock()
		q.finish()
		t = q.pop()
		end = t == nil && q.head.Load() == closed && !q.due()
		if t != nil && t.batch != nil {
			q.posts.sealIf(t)
			q.running = t
			q.mu.Unlock()
			continue
		}
		q.mu.Unlock()
		return t, false, end
	}
}

// Pending reports whether Try would find something. Only the worker may call it.
func (q *Inbox) Pending() bool {
	if q.due() || q.unfinished() != nil {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch q.head.Load() {
	case nil, asleep, closed:
		return q.first != nil || q.offered()
	}
	return true
}

// watch spins for a while if that is the way to wait. It reports whether the
// worker should look before it sleeps.
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
			if q.handed() || q.head.Load() != nil {
				q.waiting.Found()
				return true
			}
			watch.Pause()
		}
		now := prim.Now()
		if now >= q.until.Load() {
			return true
		}
		if on, elsewhere := watch.Goes(now); !on {
			return elsewhere // a Cancel may have moved it from head to the list
		}
	}
}

// doze marks the worker asleep. It reports whether the bell will be rung; if not,
// there is something to look at. Only the worker may call it.
//
// Either asleep comes first and Put or Close sees it and rings, or they were
// first and what came in is seen here: on head, in a lane or, if a Cancel has
// taken it over meanwhile, on the list. So it is with WakeAt and until.
func (q *Inbox) doze(until int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first != nil || !q.head.CompareAndSwap(nil, asleep) {
		return false
	}
	return !q.offered() && q.until.Load() == until || !q.head.CompareAndSwap(asleep, nil)
}

// sleep parks until the bell rings or until has come. Only the worker may call
// it, after doze.
func (q *Inbox) sleep(until int64) {
	if until == prim.Never {
		q.bell.Wait()
	} else if !q.bell.WaitUntil(&q.alarm, until) && !q.head.CompareAndSwap(asleep, nil) {
		q.bell.Wait() // whoever was quicker rings
	}
}
