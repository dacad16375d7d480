package inbox

import "github.com/ste-go/ste/internal/prim"

// Wait returns when t has been finished.
func (q *Inbox) Wait(t *Task) {
	switch {
	case t.gate != nil:
		t.gate.Lock()
		return
	case !q.watchEnd(t) && t.park():
		t.bell.Wait()
		q.pace.Stop(t.arm, t.from)
		q.turns.Give(t.uses)
		return
	}
	q.pace.Stop(t.arm, t.from)
}

// WaitContext is Wait that gives up when ended is closed while t is still queued. It
// reports whether t was finished; if not, t will never run and belongs to the
// caller. It is given the channel and not the context: that is user code, and the
// caller has asked it before t was queued.
func (q *Inbox) WaitContext(ended <-chan struct{}, t *Task) bool {
	if t.gate != nil {
		return q.waitGate(ended, t)
	}
	if q.watchEnd(t) || !t.park() {
		q.pace.Stop(t.arm, t.from)
		return true
	}
	if t.bell.WaitOr(ended) {
		q.pace.Stop(t.arm, t.from)
		q.turns.Give(t.uses)
		return true
	}
	if q.Cancel(t) {
		return false
	}
	// T4: Cancel said no, so it has started, and its end is what the caller waits for.
	t.bell.Wait()
	return true
}

// watchEnd spins for a while if that is the way to wait. It reports whether t is
// over.
func (q *Inbox) watchEnd(t *Task) bool {
	if !t.arm.Spins() || t.woke {
		return false
	}
	watch := q.pace.CallerWatch(q.others.Load() > 0)
	for {
		for range prim.Looks {
			if t.Over() {
				return true
			}
			watch.Pause()
		}
		if on, _ := watch.Goes(prim.Now()); !on {
			return false
		}
	}
}

// waitGate is WaitContext from inside a bubble for an Inbox outside of it.
func (q *Inbox) waitGate(ended <-chan struct{}, t *Task) (finished bool) {
	over := make(chan struct{})
	cancelled := false
	prim.Go("gate", func() {
		if prim.AwaitEither(ended, over) && q.Cancel(t) {
			cancelled = true
			t.gate.Unlock()
		}
	})
	t.gate.Lock()
	prim.Close(over)
	return !cancelled
}
