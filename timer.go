package ste

import (
	"fmt"
	"math"
	"time"

	"github.com/ste-go/ste/internal/bubble"
	"github.com/ste-go/ste/internal/opaque"
	"github.com/ste-go/ste/internal/prim"
	"github.com/ste-go/ste/internal/timers"
)

// A Timer is work that a Thread does at a time, or again and again.
//
// Make one with AfterFunc or Every; the methods of the zero Timer panic. Timers
// have no goroutine of their own: the Thread waits for them as it waits for
// tasks, and an idle Thread uses processor time only when one is due. Timers that
// are due run first, also before what was posted earlier, then at least one queued
// task, then timers again. A timer that is not due when Close is called is
// dropped. A Thread with a pending timer is not closed because it is forgotten; an
// Every is pending until Stop or Close.
//
// A panic in a timer's function goes to the error handler and, without one, ends
// the process. A Timer must not be copied.
type Timer struct {
	_    noCopy
	core opaque.Ref[timer]
}

// A Tick tells the function of an Every about its time.
type Tick struct {
	Due    time.Time // the newest deadline that has passed
	Start  time.Time // when the Thread came to it
	Missed int       // deadlines that were skipped since the last tick, because the Thread was busy
}

// A timer is what a Timer stands for.
type timer struct {
	owner  *core
	period int64        // ns; 0 for AfterFunc
	run    func() error // calls the user's function

	// Guarded by owner.mu.
	thread *Thread             // nil unless it is pending, or an Every that runs; keeps the Thread alive
	item   timers.Item[*timer] // its deadline, on prim's clock; not in the heap before its start and while an Every's f runs

	// The Thread's.
	due    int64 // of the tick that runs
	missed int
}

// AfterFunc runs f on the Thread once d has passed, and does not wait for it; a d
// of zero or less means at once, but not in place. It returns ErrClosed if the
// Thread is closed or closing. The queue limit does not count timers.
func (t *Thread) AfterFunc(d time.Duration, f func()) (*Timer, error) {
	c := t.must("AfterFunc")
	need(f != nil, "AfterFunc", "func")
	return c.arm(t, &timer{owner: c, run: func() error { f(); return nil }}, max(d, 0))
}

// Every runs f on the Thread every period, for the first time when one period has
// passed. The deadlines are the start plus 1, 2, 3 ... periods, however late a tick
// runs. If the Thread is busy for longer than a period, the deadlines that pass
// meanwhile make one tick. Two ticks never overlap, and panics and Goexits of f do
// not end them. Every returns an error for a period of zero or less, and ErrClosed
// if the Thread is closed or closing.
func (t *Thread) Every(period time.Duration, f func(Tick)) (*Timer, error) {
	c := t.must("Every")
	need(f != nil, "Every", "func")
	if period <= 0 {
		return nil, fmt.Errorf("ste: Every(%v): a period must be positive", period)
	}
	tm := &timer{owner: c, period: int64(period)}
	tm.run = func() error {
		// C5: in the heap again only now, whether f has returned, panicked or exited. f may
		// let others in (RunPending), and two ticks must not overlap.
		defer c.pend(tm, tm.due+tm.period)
		start := time.Now()
		late := prim.At(start) - tm.due
		f(Tick{Due: start.Add(-time.Duration(late)), Start: start, Missed: tm.missed})
		return nil
	}
	return c.arm(t, tm, period)
}

// Stop ends the Timer. It reports whether that stopped something that would have
// run: false if an AfterFunc has run or is running, if the Timer was stopped
// before, and if its Thread has closed. It does not wait for a running f. Called
// on the Thread, Stop is exact: f will not run again. Called from elsewhere, one
// tick of an Every may still run after Stop has returned true.
func (tm *Timer) Stop() bool {
	if tm == nil || tm.core.Get() == nil {
		panic(unusable("Stop", tm == nil, "Timer", "AfterFunc or Every"))
	}
	t := tm.core.Get()
	return t.owner.disarm(t)
}

// arm makes tm pending, d from now.
func (c *core) arm(t *Thread, tm *timer, d time.Duration) (*Timer, error) {
	tm.thread, tm.item.Of = t, tm // and so the Thread is kept, by its own queue or heap
	if c.inbox.Bubble == 0 && bubble.Here() {
		// The caller's clock is not the Thread's.
		if err := c.postOwn(func() { c.start(tm, d) }); err != nil {
			return nil, err
		}
	} else if !c.start(tm, d) {
		return nil, ErrClosed
	}
	return &Timer{core: opaque.To(tm)}, nil
}

// start puts tm into the heap unless the Thread is closed.
func (c *core) start(tm *timer, d time.Duration) bool {
	now := prim.Now()
	at := now + int64(d)
	if at < now { // d is some 290 years
		at = prim.Never - 1
	}
	earliest, ok := c.pend(tm, at)
	if earliest {
		c.waker.wake()
	}
	return ok
}

// pend puts tm into the heap unless it was stopped or the Thread is closed; ok says
// that it was not closed, earliest that no other timer comes before it.
func (c *core) pend(tm *timer, at int64) (earliest, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Stop may have come before the start, or while f ran.
	if tm.thread == nil {
		return false, true
	}
	if c.inbox.Closed() {
		tm.thread = nil
		return false, false
	}
	ts := &c.seldom().timers
	// C4: in a heap of its own and not in the queue, whose limit does not count it.
	earliest = ts.Add(&tm.item, at)
	c.inbox.WakeAt(ts.Next())
	return earliest, true
}

// disarm takes tm out of the heap.
func (c *core) disarm(tm *timer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if tm.thread == nil {
		return false
	}
	// C2: from here on neither the heap nor a start or tick under way brings it back.
	tm.thread = nil
	if !tm.item.Pending() {
		return !c.inbox.Closed()
	}
	ts := &c.rare.timers
	ts.Remove(&tm.item)
	c.inbox.WakeAt(ts.Next())
	return true
}

// tick runs the timers that are due, each once.
func (w *worker) tick() {
	// C3: after this pass a task comes first; said before anything can end the pass.
	w.yields = true
	now := prim.Now()
	w.mu.Lock()
	newest := w.seldom().timers.Newest()
	w.mu.Unlock()
	for {
		tm := w.due(now, newest)
		if tm == nil {
			return
		}
		w.count(1)
		w.ran++
		w.run(job{kind: aTimer, f: tm.run})
	}
}

// due takes the next timer that is due now and was not armed after newest.
func (c *core) due(now int64, newest uint64) *timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	ts := &c.seldom().timers
	it := ts.Take(now, newest)
	if it == nil {
		return nil
	}
	tm := it.Of
	// C1: counted from the first deadline on, and what was missed makes one tick.
	if tm.period > 0 {
		late := max(prim.Now()-it.At, 0) / tm.period // other timers may have taken their time
		tm.due, tm.missed = it.At+late*tm.period, int(min(late, math.MaxInt))
	} else {
		tm.thread = nil
	}
	c.inbox.WakeAt(ts.Next())
	return tm
}

// dropTimers drops those that come due after now, for a Thread that closes.
func (c *core) dropTimers(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rare == nil {
		return
	}
	ts := &c.rare.timers
	ts.Drop(now, func(tm *timer) { tm.thread = nil })
	c.inbox.WakeAt(ts.Next())
}
