package inbox

import (
	"weak"

	"github.com/ste-go/ste/internal/bubble"
	"github.com/ste-go/ste/internal/prim"
)

// keep is the number of free Tasks an Inbox holds on to. It covers the callers
// that wait at one time in the programs we know (8 to 64 goroutines); beyond it
// a burst's Tasks are left to the garbage collector.
const keep = 64

// A pool holds an Inbox's free Tasks. It is the Thread's own: what was made in a
// synctest bubble must not be used outside, so nothing is shared between Threads.
type pool struct {
	// busy is 1 while a caller has the lane, from Get to Recycle. Taken by a
	// compare-and-swap of 0, so what lies in the lane is that caller's: everyone
	// before has given it back.
	busy prim.Word
	// others is how many Tasks that are waited for are out beside the lane. Added
	// to by Get, subtracted from by Recycle, read to see whether there is a crowd.
	others prim.Word
	// back is a chain of free Tasks on their way back. push adds one; pop, under mu,
	// and shed take the whole chain. So only pushers compare, and to them it does
	// not matter whether the top was away in between: they only link to it.
	back prim.Pointer[Task]

	mu prim.Mutex
	// Guarded by mu. Free Tasks beyond keep hang on a weak pointer once the worker
	// has nothing to do: the next burst finds them again, the next garbage
	// collection takes them.
	free  *Task
	spare weak.Pointer[Task]
}

// Get returns an empty Task for Put. waits says that the caller will Wait for it.
func (q *Inbox) Get(waits bool) *Task {
	if !waits {
		return q.pool.pop()
	}
	t := q.lone()
	if t == nil {
		t = q.pool.pop()
	}
	if t.waiter == nil || t.bell == (prim.Bell{}) {
		// T16: what is made in a bubble is no good outside: a mutex, and no channel.
		if q.bubble == 0 && bubble.Here() {
			q.putBack(t)
			t = &Task{waiter: &waiter{gate: new(prim.Mutex)}}
			t.gate.Lock()
			t.state.Store(parked)
			return t
		}
		if t.waiter == nil {
			t.waiter = new(waiter)
		}
		t.bell = prim.NewBell()
	}
	if t.lane == nil {
		q.pool.others.Add(1)
		t.want = (t.state.Load() + 1) &^ parked
	}
	return t
}

// Recycle takes back a Task that is out of the queue and finished with.
func (q *Inbox) Recycle(t *Task) {
	switch {
	case t.batch != nil: // looks after itself
		return
	case t.Posted:
		if t.HasSink {
			t.Frame = nil
		}
		t.run = nil
		t.Posted, t.Own, t.Counted, t.HasSink = false, false, false, false
		q.pool.push(t)
		return
	}
	w := t.waiter
	if w.End != Returned {
		w.End, w.Err = Returned, nil
	}
	if t.run != nil { // a lane's most often is, and its line stays with both sides
		t.run = nil
	}
	if w.gate != nil { // for one wait only
		return
	}
	if t.lane == nil {
		q.pool.others.Add(^uint32(0))
	}
	q.putBack(t)
}

// putBack gives back what lone or pool.pop returned.
func (q *Inbox) putBack(t *Task) {
	if t.lane != nil {
		q.pool.busy.Store(0)
		return
	}
	q.pool.push(t)
}

// pop returns a free Task; it may or may not have a waiter.
func (p *pool) pop() *Task {
	// T15: used again, so that a call allocates nothing.
	p.mu.Lock()
	if p.free == nil {
		if p.free = p.back.Swap(nil); p.free == nil {
			p.free = p.spare.Value()
			p.spare = weak.Pointer[Task]{}
		}
	}
	t := p.free
	if t != nil {
		p.free, t.next = t.next, nil
	}
	p.mu.Unlock()
	if t == nil {
		return new(Task)
	}
	return t
}

// push gives back a free Task.
func (p *pool) push(t *Task) {
	for {
		top := p.back.Load()
		t.next = top
		if p.back.CompareAndSwap(top, t) {
			return
		}
	}
}

// shed leaves the free Tasks beyond keep to the garbage collector. The worker
// calls it when it has nothing to do. Tasks that are recycled after it fell asleep
// stay until its next sleep, without their closures (T7).
func (p *pool) shed() {
	if p.back.Load() == nil || !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	for t := p.back.Swap(nil); t != nil; {
		next := t.next
		t.next, p.free = p.free, t
		t = next
	}
	last := p.free
	if last == nil {
		return // somebody has come for them meanwhile
	}
	for n := 1; n < keep && last.next != nil; n++ {
		last = last.next
	}
	if last.next != nil {
		p.spare = weak.Make(last.next)
		last.next = nil
	}
}
