package pace

import "github.com/ste-go/ste/internal/prim"

const (
	// window is how many calls lie between two looks at whether spinning pays.
	window = 16
	// pause (ns) and more of sleep are no part of a call's cost. Two sides that sleep between
	// the calls of one burst may need 0.3 ms to wake each other.
	pause = 500e3
)

// A Meter measures what spinning is worth: on the worker's side, what a call costs from the
// end of the last one to its own end, pauses aside. So the calls of one burst count and lone
// ones do not, what spins for nothing costs as much as what spins for something, and what
// one burst has taught holds for the next.
//
// With Kernel it measures something else, on the side of a lone caller: whether it pays to watch
// for the end after waking the worker, by the time until the call is over.
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

// called notes that a call has ended.
func (p *Pace) called(m *Meter) {
	if m.calls++; m.spin.quick && m.calls >= window {
		p.settle(m, prim.Now())
	}
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
