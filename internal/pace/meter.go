package pace

import "github.com/ste-go/ste/internal/prim"

const (
	// window is how many calls lie between two looks at whether spinning pays.
	window = 16
	// pause (ns) and more of sleep are no part of a call's cost. Two sides that sleep between the
	// calls of one burst may need 0.3 ms to wake each other.
	pause = 500e3
)

// A Meter measures what spinning is worth: on the worker's side, what a call costs from the end of
// the last one to its own end, pauses aside. So the calls of one burst count and lone ones do not,
// what spins for nothing costs as much as what spins for something, and what one burst has taught
// holds for the next. With Kernel it measures, on the side of a lone caller that has just woken the
// worker, whether it pays to watch for the end, by the time until its call is over.
//
// The zero Meter is ready for use. Times in ns.
type Meter struct {
	// The worker's.
	spin  choice
	calls int64 // since the window began, but for those that came after a pause
	since int64 // when the window began, and the pauses in it; 0 before the first
	found int64 // how long the worker spins, on average, until a task comes

	// The lone caller's, on a cache line of its own.
	stay choice
	from int64 // when it began to wait
}

// measured returns the meter, or nil if there is none. The worker calls it.
func (p *Pace) measured() *Meter {
	if p.wait != Adaptive {
		return nil
	}
	m := p.meter.Load()
	if m != nil && m.spin.quick != p.spins.Load() { // somebody has seen that there is one processor
		m.spin.quick, m.since = !m.spin.quick, 0
	}
	return m
}

// asleep notes that the worker falls asleep.
func (p *Pace) asleep(m *Meter, now int64) {
	if m.spin.quick {
		return
	}
	took := now - m.since
	one := m.calls == 1 && m.since > 0 // it came after no pause
	m.calls, m.since = 0, now
	if one && took > 0 && m.spin.plain(took, now) && p.several() {
		m.spin.begin(now)
		m.found = spinLeast / 2
		p.spins.Store(true)
	}
}

// settle pays for the calls of a window and for the time in it.
func (p *Pace) settle(m *Meter, now int64) {
	m.spin.pay(m.calls, now-m.since, now)
	m.calls, m.since = 0, now
	if !m.spin.quick {
		p.spins.Store(false)
	}
}

// Woke notes that a lone caller has woken a worker that sleeps in the kernel. It reports
// whether to watch for the end.
func (p *Pace) Woke() bool {
	m := p.meter.Load()
	if m == nil || p.wait != Kernel {
		return false
	}
	m.from = prim.Now()
	return m.stay.quick
}

// Went notes that its call is over.
func (p *Pace) Went() {
	m := p.meter.Load()
	if m == nil || p.wait != Kernel {
		return
	}
	now := prim.Now()
	took := now - m.from
	switch {
	case m.stay.quick:
		m.stay.pay(1, took, now)
	case m.stay.plain(took, now) && p.several():
		m.stay.begin(now)
	}
}

// The constants of this package were measured on a 2-core x86-64 virtual machine, Go 1.26.
const (
	// How many calls in the plain way are measured before the other one is tried; before it is gone
	// back to when the plain one was measured again; and after it was lost.
	warm, again, later = 8, 4, 32
	// dear (ns) is the most that a call counts for in the plain way: who sleeps needs no longer, and
	// what takes longer for another reason is quicker in neither way.
	dear = 200e3
	// After a trial that was lost there is none for restTimes its length, twice that for each loss
	// in a row, at most restMost (ns). While the quick way wins, the plain one is measured again
	// after restQuick (ns).
	restTimes = 16
	restMost  = 4e9
	restQuick = 1e9
	// trial is how many calls' allowance the quick way may use up in advance, and headStart (ns)
	// what it may besides, for the first of a burst wakes a processor.
	trial     = 24
	headStart = 200e3
)

// A choice is between the plain way to wait, to sleep at once, and a quick one, which takes
// processor time and must save a tenth of what calls cost in the plain one. It begins with a
// budget; each call adds what it may cost, and what it has cost is taken off. When nothing is left,
// the plain way is in force again. More than the budget of the beginning is never kept, so a
// pattern that does not pay any more is seen within some calls.
//
// The zero choice is the plain way, of which nothing is known. Times in ns.
type choice struct {
	quick  bool  // what is in force
	fails  uint8 // trials lost in a row
	need   int32 // how many calls are wanting before the other way may be tried
	cost   int64 // of a call in the plain way, smoothed; 0 before it is known
	budget int64
	began  int64 // when the trial of the quick way began; 0 since it has paid
	next   int64 // when the other way is to be tried
}

// plain takes what a call has cost in the plain way. It reports whether to try the quick one.
func (c *choice) plain(took, now int64) bool {
	took = min(took, dear)
	switch {
	case c.cost == 0:
		c.need, c.cost = warm, took
	case c.next == 0 && c.need == warm-1: // the first one may be slow
		c.cost = min(c.cost, took)
	default:
		c.cost += (took - c.cost) / 8
	}
	c.need = max(c.need-1, 0)
	return c.need == 0 && now >= c.next
}

// begin puts the quick way in force.
func (c *choice) begin(now int64) {
	c.quick, c.need, c.budget, c.began, c.next = true, trial, c.most(), now, now+restQuick
}

// most is the largest budget.
func (c *choice) most() int64 { return headStart + trial*c.allowance() }

// allowance is what a call in the quick way may cost.
func (c *choice) allowance() int64 { return c.cost * 9 / 10 }

// pay takes what some calls have cost in the quick way, or the spinning after them. If that does
// not pay, or the plain way is to be measured again, that is in force.
func (c *choice) pay(calls, took, now int64) {
	c.budget = min(c.budget+calls*c.allowance()-took, c.most())
	c.need -= int32(calls)
	switch {
	case c.budget < 0:
		c.quick, c.need, c.next = false, later, now
		if c.began != 0 {
			rest := min(now-c.began, restMost) * restTimes // may have been interrupted for days
			c.next += min(rest<<c.fails, restMost)
			c.fails = min(c.fails+1, 20)
		}
	case c.need <= 0 && c.budget > c.most()/2:
		c.need, c.began, c.fails = trial, 0, 0
		if now >= c.next {
			c.quick, c.need = false, again
		}
	}
}
