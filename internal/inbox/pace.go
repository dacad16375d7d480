package inbox

import (
	"github.com/ste-go/ste/internal/bubble"
	"github.com/ste-go/ste/internal/prim"
)

// Wait says how the two sides of an Inbox wait for each other.
type Wait uint8

const (
	Adaptive Wait = iota // spin while measurements say that it pays
	Park                 // never spin
	Spin                 // the worker never sleeps
)

// An arm is one of the two ways to wait, as the pace plays them.
const (
	parking  = 0
	spinning = 1
	trial    = 2 // added to the arm that is being tried
	// The bits above count the changes, so that a round trip that began before
	// one is not taken for the new arm's.
)

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
	// rest is how many times as long as it took a lost trial is followed by none.
	// It doubles with each further loss, to restMost (ns) in the end. While
	// spinning wins, parking is tried again after restSpin at first: a trial of
	// it costs a thousand quick round trips, and that spinning no longer pays
	// is noticed without.
	rest     = 16
	restMost = 4e9
	restSpin = 1e9

	// spinFor is how long either side spins before it sleeps, in ns.
	spinFor = 100e3
	// stealFor is how long the worker spins when it has just woken its caller.
	// The caller then sits in the run queue of the worker's own processor until
	// another one comes and steals it. Waking one that has gone idle takes
	// 30 to 100 us here; a worker that sleeps before that makes it start over.
	// A trial has one attempt; after that each is paid for by stealPrice tasks
	// that came in while the worker spun. A worker that cannot pay sleeps at once,
	// so that its processor runs the caller.
	stealFor   = 200e3
	stealPrice = 4
	// streamLeast is how many short sleeps in a row say that posts come in a
	// stream. Nobody waits for those, so there are no round trips to compare.
	streamLeast = 2
	// streamPauses is how many pauses lie between two looks in a stream, 1.6 us of
	// them: each look takes head's line from the posters. Four and twelve times as
	// many made no difference to posts, but a Submit in between would wait longer.
	streamPauses = looks
	// gapMost is the longest mean sleep of the worker, in ns, that makes a trial
	// worth its price: the worker would have to spin through it. It contains the
	// time to wake up, which spinning saves.
	gapMost = spinFor
	// callerPauses and workerPauses lie before a spinning side's first look: the
	// other side cannot be there before, and a look takes the line away that it is
	// about to write. Without them a hot round trip takes a quarter longer; two
	// more or less make no difference.
	callerPauses = 4
	workerPauses = 2
	looks        = prim.Looks
)

// A pace decides whether the two sides of an Inbox spin before they sleep. It
// knows nothing of the Go scheduler, the load or the processors: it measures
// round trips of callers with and without spinning, and keeps to what is
// quicker.
type pace struct {
	wait Wait // immutable

	// arm is the way to wait in force. Written by whoever holds the meter's mu, or with
	// Spin by the side that finds that the number of processors has changed. Read
	// by both sides before each wait.
	arm prim.Word

	// gap is the smoothed length of the worker's sleeps, in ns. Written by the
	// worker, read by whoever decides on a trial.
	gap prim.Count

	// meter lies in the lane: what nobody calls has nothing to measure. Set once,
	// with the lane, and only if wait is Adaptive.
	meter prim.Pointer[meter]
}

// A vigil is what the worker remembers of its own waiting. It lies apart from the
// pace, which the callers read.
type vigil struct {
	luck int8 // tasks that came in while the worker spun, as long as they can be spent
	// stream is how often in a row a sleep after a posted task was so short that
	// spinning would have saved it.
	stream uint8
	tried  bool  // the worker has spun for stealFor in this trial
	sleeps uint8 // modulo 256
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
			took = min(took, 4*m.cost[parking]) // one bad moment is none too many
		}
		m.cost[arm] += (took - m.cost[arm]) / 8
		if arm == spinning && !m.better(spinning, m.cost[spinning]) {
			m.fails = min(m.fails+1, 20)
			p.rest(m, parking, now) // it no longer pays
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
		p.rest(m, tried, now)
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
	p.rest(m, p.arm.Load()&spinning^spinning, now)
}

// rest goes on with home until the next trial is due.
func (p *pace) rest(m *meter, home uint32, now int64) {
	m.n = 0
	pause := min(m.length, restMost) * rest // a trial may have been interrupted for days
	if home == spinning {
		pause = restSpin
	}
	m.next = now + min(pause<<m.fails, restMost)
	p.change(home)
}

// change puts another way to wait in force.
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
			p.rest(m, parking, prim.Now())
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

// sleep notes when the worker falls asleep, at least every fourth time, and
// returns that for wake.
func (p *pace) sleep(v *vigil, after After) (from int64) {
	if p.wait == Spin {
		p.spin() // GOMAXPROCS may have changed
	}
	if v.sleeps++; p.wait == Adaptive && (after == Posted || v.sleeps%4 == 1) {
		from = prim.Now()
	}
	return from
}

func (p *pace) wake(v *vigil, after After, from int64) {
	if from == 0 {
		return
	}
	slept := min(prim.Now()-from, 4*gapMost) // a long pause is soon forgotten
	gap := p.gap.Load()
	if gap == 0 {
		gap = slept
	}
	p.gap.Store(gap + (slept-gap)/4)
	switch {
	case after != Posted:
	case slept < spinFor/2 && several():
		v.stream = min(v.stream+1, streamLeast)
	default:
		v.stream = 0
	}
}

// watch spins for a while if that is the way to wait. It reports whether the
// worker should look before it sleeps. The worker calls it.
func (q *Inbox) watch(after After) bool {
	if q.service.Nested {
		return false
	}
	p, v := &q.pace, &q.vigil
	arm := p.arm.Load()
	if arm&trial == 0 {
		v.tried = false
	}
	patience, pauses := int64(spinFor), 1
	switch {
	case p.wait == Spin:
		if arm&spinning == 0 {
			return false
		}
	case after == Posted && v.stream >= streamLeast:
		patience, pauses = spinFor/2, streamPauses
	case arm&spinning == 0:
		return false
	case after != Rang:
	case arm&trial != 0 && !v.tried:
		v.tried = true
		patience = stealFor
	case v.luck >= stealPrice:
		v.luck -= stealPrice
		patience = stealFor
	default:
		return false
	}
	prim.Delay(workerPauses)
	for from := int64(0); ; {
		for range max(looks/pauses, 1) {
			prim.Delay(pauses - 1)
			if q.full() || q.head.Load() != nil {
				v.luck = min(v.luck+1, 4*stealPrice)
				return true
			}
			prim.Pause()
		}
		now := prim.Now()
		switch {
		case now >= q.until.Load():
			return true
		case from == 0:
			from = now
		case now-from < patience:
		case p.wait == Spin && several():
			return true // maybe: a Cancel has moved it from head to the list
		default:
			p.missed()
			v.stream = 0
			if patience == stealFor {
				p.lost(now)
			}
			return false
		}
	}
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
