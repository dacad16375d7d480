package inbox

import "github.com/ste-go/ste/internal/prim"

// Wait says how the two sides of an Inbox wait for each other.
type Wait uint8

const (
	Adaptive Wait = iota // spin while measurements say that it pays
	Park                 // never spin
	Spin                 // the worker never sleeps
)

// An arm is one of the two ways to wait, as the pace plays them (the word is that of
// multi-armed bandits).
const (
	parking  = 0
	spinning = 1
	trial    = 2 // added to the arm that is being tried
	// The bits above count the changes, so that a round trip that began before
	// one is not taken for the new arm's.
)

// The constants here, in vigil.go and in courtesy.go were measured on a 2-core x86-64
// virtual machine, Go 1.26.
const (
	// warm is how many round trips are measured before the first trial.
	warm = 8
	// skip is how many round trips of a trial do not count: in the first ones
	// the two sides change from one way to the other.
	skip = 4
	// trialLen is how many round trips of a trial count.
	trialLen = 24
	// early is how many must count before the trial may end early, as lost.
	early = 4
	// After a trial there is none for restTimes its length, twice that for each
	// loss in a row, at most restMost (ns). While spinning wins, parking is tried
	// again after restSpin (ns) at first: a trial of it costs a thousand quick round
	// trips, and that spinning no longer pays is noticed without.
	restTimes = 16
	restMost  = 4e9
	restSpin  = 1e9

	// gapMost is the longest mean sleep of the worker, in ns, that makes a trial
	// worth its price: the worker would have to spin through it. It contains the
	// time to wake up, which spinning saves.
	gapMost = spinFor
)

// A pace decides whether the two sides of an Inbox spin before they sleep. It
// knows nothing of the Go scheduler, the load or the processors: it measures
// round trips of callers with and without spinning, and keeps to what is
// quicker.
type pace struct {
	wait Wait // immutable

	// arm is the way to wait in force. Written by whoever holds the meter's mu, or
	// with Spin by the side that finds that the number of processors has changed.
	// Read by both sides before each wait.
	arm prim.Word

	// gap is the smoothed length of the worker's sleeps, in ns. Written by the
	// worker, read by whoever decides on a trial.
	gap prim.Count

	// meter lies in the lane: what nobody calls has nothing to measure. Set once,
	// with the lane, and only if wait is Adaptive.
	meter prim.Pointer[meter]
}

// A meter is what the pace has measured. Times in ns.
type meter struct {
	mu prim.Mutex // only ever tried, never waited for
	// Guarded by mu.
	cost   [2]int64 // smoothed round trip of each arm
	sum    int64    // of the trial's round trips
	began  int64    // when the trial did
	length int64    // of the last trial
	next   int64    // when the next may begin
	n      int32    // round trips measured since the arm changed
	fails  uint32   // trials lost in a row
}

func (p *pace) init(w Wait) {
	p.wait = w
	if w == Spin {
		p.spin()
	}
}

// measured returns the meter, locked, or nil if there is none or somebody else
// is at it.
func (p *pace) measured() *meter {
	m := p.meter.Load()
	if m == nil || !m.mu.TryLock() {
		return nil
	}
	return m
}

// start notes, before t is queued, how its caller will wait, and when it began
// if that is to be measured.
func (p *pace) start(t *Task) {
	arm := p.arm.Load()
	t.arm, t.from, t.woke = arm, 0, false
	t.uses++
	if p.wait != Adaptive {
		return
	}
	// A reading of the clock costs a tenth of a hot round trip.
	every := uint8(4)
	if arm&spinning != 0 {
		every = 16
	}
	if arm&trial != 0 || t.uses%every == 0 {
		t.from = prim.Now()
	}
}

// stop takes the measurement.
func (p *pace) stop(t *Task) {
	if t.from == 0 {
		return
	}
	m := p.measured()
	if m == nil {
		return
	}
	now := prim.Now()
	if took := now - t.from; took > 0 { // 0 for a caller in a bubble: its clock stands still
		p.record(m, t.arm, took, now)
	}
	m.mu.Unlock()
}

// record plays the two arms. The caller has the meter.
func (p *pace) record(m *meter, arm uint32, took, now int64) {
	if arm != p.arm.Load() {
		return // it began before the last change
	}
	arm &= trial | spinning
	m.n++
	if arm&trial == 0 {
		if m.n == 1 && m.cost[arm] == 0 {
			m.cost[arm] = took
		}
		if arm == spinning {
			took = min(took, 4*m.cost[parking]) // one slow round trip must not end spinning
		}
		m.cost[arm] += (took - m.cost[arm]) / 8
		if arm == spinning && !m.better(spinning, m.cost[spinning]) {
			m.fails = min(m.fails+1, 20)
			p.settle(m, parking, now) // it no longer pays
			return
		}
		if m.n < warm || now < m.next {
			return
		}
		if arm == parking && (p.gap.Load() > gapMost || !several()) {
			return
		}
		m.n, m.sum, m.began = 0, 0, now
		p.change(arm ^ spinning | trial)
		return
	}
	if m.n <= skip {
		return
	}
	m.sum += took
	n := m.n - skip
	mean := m.sum / int64(n)
	tried := arm &^ trial
	if n < trialLen && (n < early || m.better(tried, mean)) {
		return
	}
	m.cost[tried] = mean
	if m.better(tried, mean) {
		m.fails = 0
		m.length = now - m.began
		p.settle(m, tried, now)
	} else {
		p.end(m, now)
	}
}

// better reports whether an arm that costs mean is better than the other one.
// Spinning takes processor time, so it must be clearly quicker.
func (m *meter) better(arm uint32, mean int64) bool {
	if arm == spinning {
		return mean < m.cost[parking]*4/5
	}
	return m.cost[spinning] >= mean*4/5
}

// end ends a trial that was lost.
func (p *pace) end(m *meter, now int64) {
	m.length = now - m.began
	m.fails = min(m.fails+1, 20)
	p.settle(m, p.arm.Load()&spinning^spinning, now)
}

// settle goes on with home until the next trial is due.
func (p *pace) settle(m *meter, home uint32, now int64) {
	m.n = 0
	pause := min(m.length, restMost) * restTimes // a trial may have been interrupted for days
	if home == spinning {
		pause = restSpin
	}
	m.next = now + min(pause<<m.fails, restMost)
	p.change(home)
}

// change puts another way to wait in force: it counts up and clears the two low bits.
func (p *pace) change(arm uint32) {
	p.arm.Store((p.arm.Load() | trial | spinning) + 1 | arm)
}

// several reports whether more than one processor may run Go code. With one,
// nothing can happen while somebody spins.
func several() bool { return prim.Processors() > 1 }

// spin is the arm of Spin: spinning, unless there is one processor only.
func (p *pace) spin() {
	arm := uint32(parking)
	if several() {
		arm = spinning
	}
	if p.arm.Load() != arm {
		p.arm.Store(arm)
	}
}

// missed is called by a side that has spun for nothing.
func (p *pace) missed() {
	if p.wait == Spin {
		p.spin()
	}
	if p.wait == Adaptive && !several() {
		if m := p.measured(); m != nil {
			p.settle(m, parking, prim.Now())
			m.mu.Unlock()
		}
	}
}

// lost is called by the worker when nothing came in within stealFor: there is no
// processor to spare, or the callers stay away for longer.
func (p *pace) lost(now int64) {
	if m := p.measured(); m != nil {
		if p.arm.Load()&(spinning|trial) == spinning|trial {
			p.end(m, now)
		}
		m.mu.Unlock()
	}
}
