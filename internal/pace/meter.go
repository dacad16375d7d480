package pace

import "github.com/ste-go/ste/internal/prim"

// The constants of this package were measured on a 2-core x86-64 virtual machine, Go 1.26.
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

// A Meter is what a Pace has measured. Times in ns. The zero Meter is ready for use.
type Meter struct {
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

// Stop takes the measurement, if there is one, when the caller goes on.
func (p *Pace) Stop(arm Arm, from int64) {
	if from != 0 {
		p.measure(arm, from)
	}
}

func (p *Pace) measure(arm Arm, from int64) {
	m := p.measured()
	if m == nil {
		return
	}
	now := prim.Now()
	if took := now - from; took > 0 { // 0 for a caller in a bubble: its clock stands still
		p.record(m, arm, took, now)
	}
	m.mu.Unlock()
}

// measured returns the meter, locked, or nil if there is none or somebody else
// is at it.
func (p *Pace) measured() *Meter {
	m := p.meter.Load()
	if m == nil || !m.mu.TryLock() {
		return nil
	}
	return m
}

// record plays the two arms. The caller has the meter.
func (p *Pace) record(m *Meter, arm Arm, took, now int64) {
	if arm != p.inForce() {
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
func (m *Meter) better(arm Arm, mean int64) bool {
	if arm == spinning {
		return mean < m.cost[parking]*4/5
	}
	return m.cost[spinning] >= mean*4/5
}

// end ends a trial that was lost.
func (p *Pace) end(m *Meter, now int64) {
	m.length = now - m.began
	m.fails = min(m.fails+1, 20)
	p.settle(m, p.inForce()&spinning^spinning, now)
}

// settle goes on with home until the next trial is due.
func (p *Pace) settle(m *Meter, home Arm, now int64) {
	m.n = 0
	pause := min(m.length, restMost) * restTimes // a trial may have been interrupted for days
	if home == spinning {
		pause = restSpin
	}
	m.next = now + min(pause<<m.fails, restMost)
	p.change(home)
}

// lost is called by the worker when nothing came in within stealFor: there is no
// processor to spare, or the callers stay away for longer.
func (p *Pace) lost(now int64) {
	if m := p.measured(); m != nil {
		if p.inForce()&(spinning|trial) == spinning|trial {
			p.end(m, now)
		}
		m.mu.Unlock()
	}
}
