package inbox

import (
	"github.com/ste-go/ste/internal/bubble"
	"github.com/ste-go/ste/internal/opaque"
	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/prim"
)

// Get returns a Task to Put and Wait for. One caller at a time gets the lane, by which a Submit
// moves one cache line to the worker and back: the least that any two processors can do.
func (q *Inbox) Get() *Task {
	lone := q.busy.CompareAndSwap(0, 1)
	if lone {
		if c := q.lane.Load(); c != nil {
			return &c.task
		}
	} else {
		q.others.Add(1)
		if t := q.pool.pop(); t != nil {
			return t
		}
	}
	c := new(call)
	c.task.call = c
	if q.Bubble == 0 && bubble.Here() {
		// T16: what is made in a bubble is no good outside: a mutex, and no channel.
		c.task.gate = new(prim.Mutex)
		c.task.gate.Lock()
		if lone {
			q.others.Add(1)
			q.busy.Store(0)
		}
		return &c.task
	}
	c.task.bell = prim.NewBell()
	if lone {
		q.pace.UseMeter(new(pace.Meter))
		q.lane.Store(c)
	}
	return &c.task
}

// Recycle takes back what Get returned, out of the queue and finished with.
func (q *Inbox) Recycle(t *Task) {
	t.End, t.Err = Returned, nil
	if t.run != nil { // it is nil most often, and then its line stays with both sides
		t.run = nil
	}
	if t.call == q.lane.Load() {
		q.busy.Store(0)
		return
	}
	q.others.Add(^uint32(0))
	if t.gate == nil { // else for one wait only
		q.pool.push(t)
	}
}

// offer is add for the lane, whose hand h is. The worker marks itself asleep and then looks at the
// hands; here it is the other way round, so that one sees the other.
func (q *Inbox) offer(h *hand, run func()) (v Verdict, woke bool) {
	if q.state.Load() == closed {
		return Closed, false
	}
	h.Store(opaque.CodeOf(run))
	switch q.state.Load() {
	case asleep:
		woke = q.wake()
	case closed: // meanwhile; the worker may have ended, or be about to take it
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.offered() {
			h.Store(nil)
			return Closed, false
		}
	}
	return Accepted, woke
}

// offered reports whether there is an offer that was not taken over. The caller holds mu.
func (q *Inbox) offered() bool {
	c := q.lane.Load()
	return c != nil && c.hands[q.handTaken^1].Load() != nil
}

// receive takes it over, if there is one. The caller holds mu.
func (q *Inbox) receive() *Task {
	if !q.offered() {
		return nil
	}
	q.handTaken ^= 1
	return &q.lane.Load().task
}

// gather puts it into the queue. The caller holds mu.
func (q *Inbox) gather() {
	if t := q.receive(); t != nil {
		q.push(opaque.That(t))
	}
}

// handed reports whether there is something in a hand. To the worker, which has finished all that
// was taken over, that means an offer.
func (q *Inbox) handed() bool {
	c := q.lane.Load()
	return c != nil && (c.hands[0].Load() != nil || c.hands[1].Load() != nil)
}

// A pool holds up to keep free Tasks of one Inbox: what was made in a synctest bubble must not be
// used outside, so nothing is shared.
type pool struct {
	mu   prim.Mutex
	free *Task // guarded by mu
	n    int   // of them, guarded by mu
}

// keep covers the callers that wait at one time in the programs we know (8 to 64 goroutines); a
// burst's beyond it go to the garbage collector.
const keep = 64

// pop returns a free Task, or nil.
func (p *pool) pop() *Task {
	// T15: used again, so that a call allocates nothing.
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.free
	if t != nil {
		p.free, t.next = t.next, nil
		p.n--
	}
	return t
}

// push gives it back.
func (p *pool) push(t *Task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n < keep {
		t.next, p.free = p.free, t
		p.n++
	}
}
