package inbox

import (
	"github.com/ste-go/ste/internal/bubble"
	"github.com/ste-go/ste/internal/prim"
)

// Wait returns when t has been finished.
func (q *Inbox) Wait(t *Task) {
	switch {
	case t.gate != nil:
		t.gate.Lock()
		return
	case !q.watchEnd(t) && t.park():
		t.bell.Wait()
		q.pace.stop(t)
		q.courtesy.giveWay(t.uses)
		return
	}
	q.pace.stop(t)
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
		q.pace.stop(t)
		return true
	}
	if t.bell.WaitOr(ended) {
		q.pace.stop(t)
		q.courtesy.giveWay(t.uses)
		return true
	}
	if q.Cancel(t) {
		return false
	}
	t.bell.Wait() // it has started: its end is what the caller waits for (T4)
	return true
}

// watchEnd spins for a while if that is the way to wait. It reports whether t is
// over.
func (q *Inbox) watchEnd(t *Task) bool {
	return q.pace.watchEnd(t, t.lane == nil || q.pool.others.Load() > 0)
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

// watchEnd spins for a while if that is the way to wait. It reports whether t is
// over. The caller of a Submit calls it. crowd says that it is not the only one:
// then it lets others run between its looks, who may have work for the Thread.
func (p *pace) watchEnd(t *Task, crowd bool) bool {
	if t.arm&spinning == 0 || t.woke {
		return false
	}
	if !crowd {
		prim.Delay(callerPauses)
	}
	for from := int64(0); ; {
		for range looks {
			if t.Over() {
				return true
			}
			if crowd {
				prim.Yield()
			} else {
				prim.Pause()
			}
		}
		switch now := prim.Now(); {
		case from == 0:
			if bubble.Here() {
				return false // its clock would never say that it is enough
			}
			from = now
		case now-from >= spinFor:
			p.missed()
			return false
		}
	}
}
