package inbox

import "github.com/ste-go/ste/internal/prim"

// Wait returns true when t, a call, has been finished. It gives up when ended is closed while t is
// still queued: then it returns false, and t will never run and belongs to the caller. It is given
// the channel and not a context: that is user code, and the caller has asked it before t was
// queued.
func (q *Inbox) Wait(t *Task, ended <-chan struct{}) bool {
	if t.gate != nil {
		return q.waitGate(t, ended)
	}
	parks := !q.watchEnd(t) && t.park()
	if parks && ended == nil {
		t.bell.Wait()
	} else if parks && !t.bell.WaitOr(ended) {
		if q.Cancel(t) {
			return false
		}
		// T4: Cancel said no, so it has started, and its end is what the caller waits for.
		t.bell.Wait()
		return true
	}
	if t.woke && t.call == q.lane.Load() {
		q.pace.Went()
	}
	if parks {
		q.turns.Give(t.uses)
	}
	return true
}

// watchEnd spins for a while if that is the way to wait. It reports whether t is over.
func (q *Inbox) watchEnd(t *Task) bool {
	stays := t.woke && t.call == q.lane.Load() && q.pace.Woke()
	if !stays && !q.pace.Spins() || t.calm {
		return false
	}
	if t.woke && !q.bell.Kernel() {
		// The worker is first in this processor's queue, and gets it with its thread. Meanwhile
		// another processor comes for this caller.
		prim.Yield()
	}
	return q.pace.CallerWatch(q.others.Load() > 0, func() bool { return t.Over() })
}

// waitGate is Wait from inside a bubble for an Inbox outside of it.
func (q *Inbox) waitGate(t *Task, ended <-chan struct{}) (finished bool) {
	over, cancelled := make(chan struct{}), false
	if ended != nil {
		prim.Go("gate", func() {
			if prim.AwaitEither(ended, over) && q.Cancel(t) {
				cancelled = true
				t.gate.Unlock()
			}
		})
	}
	t.gate.Lock()
	prim.Close(over)
	return !cancelled
}
