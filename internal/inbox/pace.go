package inbox

import (
	"runtime"

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
)

const (
	// warm is how many round trips are measured before the first trial.
	warm = 8
	// skip is how many round trips of a trial do not count: in the first ones
	// the two sides change from one way to the other.
	skip = 4
	// trialLen is how many round trips of a trial count.
	trialLen = 24
	// rest is how many times as long as it took a lost trial is followed by none.
	// It doubles with each further loss, to restMost (ns) in the end.
	rest     = 32
	restMost = 4e9

	// spinFor is how long either side spins before it sleeps, in ns.
	spinFor = 50e3
	// stealFor is how long the worker spins when it has just woken its caller.
	// The caller then sits in the run queue of the worker's own processor until
	// another one comes and steals it. Waking one that has gone idle takes
	// 30 to 100 us here; a worker that sleeps before that makes it start over.
	stealFor = 300e3
	// misses is how often the worker may spin to the end of stealFor in a trial.
	misses = 2
	// looks is how often a spinning side looks between two readings of the clock.
	looks = 64
)

// A pace decides whether the two sides of an Inbox spin before they sleep. It
// knows nothing of the Go scheduler, the load or the processors: it measures
// round trips of callers with and without spinning, and keeps to what is
// quicker.
type pace struct {
	wait Wait // immutable

	// arm is the way to wait in force. Written by whoever holds mu, and by the
	// side that finds itself with one processor (to parking). Read by both sides
	// before each wait.
	arm prim.Word

	*meter // nil unless wait is Adaptive
}

// A meter is what the pace has measured. Times in ns.
type meter struct {
	mu prim.Mutex // only ever tried, never waited for
	// Guarded by mu.
	cost  [2]int64 // smoothed round trip of each arm
	n     int      // round trips measured since the arm changed
	sum   int64    // of the trial's
	lone  int      // how often the worker has waited in vain in the trial
	began int64    // when the trial did
	next  int64    // when the next may begin
	fails uint     // trials lost in a row
}

func (p *pace) init(w Wait) {
	p.wait = w
	switch w {
	case Adaptive:
		p.meter = new(meter)
	case Spin:
		p.arm.Store(spinning)
	}
}

// start notes, before t is queued, how its caller will wait, and when it began
// if that is to be measured.
func (p *pace) start(t *Task) {
	arm := p.arm.Load()
	t.arm, t.from = uint8(arm), 0
	if p.wait != Adaptive {
		return
	}
	// A reading of the clock costs a tenth of a hot round trip.
	every := uint8(4)
	if arm == spinning {
		every = 16
	}
	if t.uses++; arm&trial != 0 || t.uses%every == 0 {
		t.from = prim.Now()
	}
}

// stop takes the measurement.
func (p *pace) stop(t *Task) {
	if t.from == 0 || !p.mu.TryLock() {
		return
	}
	now := prim.Now()
	p.record(uint32(t.arm), now-t.from, now)
	p.mu.Unlock()
}

// record plays the two arms. The caller holds mu.
func (p *pace) record(arm uint32, took, now int64) {
	if arm != p.arm.Load() {
		return // it began under the other
	}
	p.n++
	if arm&trial == 0 {
		if p.n == 1 && p.cost[arm] == 0 {
			p.cost[arm] = took
		}
		p.cost[arm] += (took - p.cost[arm]) / 8
		if p.n < warm || now < p.next {
			return
		}
		if !several() {
			p.next = now + restMost
			return
		}
		p.n, p.sum, p.lone, p.began = 0, 0, 0, now
		p.arm.Store(arm ^ spinning | trial)
		return
	}
	if p.n <= skip {
		return
	}
	p.sum += took
	n := p.n - skip
	mean := p.sum / int64(n)
	tried := arm &^ trial
	home := tried ^ spinning
	if n < trialLen && (n < 4 || mean < 4*p.cost[home]) {
		return
	}
	p.cost[tried] = mean
	// Spinning takes processor time, so it must be clearly quicker.
	if p.cost[spinning] < p.cost[parking]*4/5 == (tried == spinning) {
		p.fails = 0
		p.rest(tried, now)
	} else {
		p.end(home, now)
	}
}

// several reports whether more than one processor may run Go code. With one,
// nothing can happen while somebody spins.
func several() bool { return runtime.GOMAXPROCS(0) > 1 }

// missed is called by a side that has spun for nothing.
func (p *pace) missed() {
	if p.wait == Adaptive && !several() {
		p.arm.Store(parking)
	}
}

// lost is called by the worker when nothing came in within stealFor. A trial in
// which that happens again and again is over: the callers stay away for longer.
func (p *pace) lost(now int64) {
	if p.meter == nil || !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	if p.arm.Load() != spinning|trial {
		return
	}
	if p.lone++; p.lone >= misses {
		p.end(parking, now)
	}
}

// end ends a trial that was lost to home.
func (p *pace) end(home uint32, now int64) {
	p.fails = min(p.fails+1, 20)
	p.rest(home, now)
}

// rest goes on with home until the next trial is due.
func (p *pace) rest(home uint32, now int64) {
	p.n = 0
	p.next = now + min((now-p.began)*rest<<p.fails, restMost)
	p.arm.Store(home)
}

// watch spins for a while if that is the way to wait. It reports whether
// something has come in. The worker calls it.
func (p *pace) watch(head *prim.Pointer[Task], rang bool) bool {
	if p.arm.Load()&spinning == 0 {
		return false
	}
	patience := int64(spinFor)
	if rang {
		patience = stealFor
	}
	for from := int64(0); ; {
		for range looks {
			if head.Load() != nil {
				return true
			}
			prim.Pause()
		}
		now := prim.Now()
		switch {
		case from == 0:
			from = now
		case now-from < patience:
		case p.wait == Spin && several():
			from = now
		default:
			p.missed()
			if rang {
				p.lost(now)
			}
			return false
		}
	}
}

// watchEnd spins for a while if that is the way to wait. It reports whether the
// Task is over. The caller of a Submit calls it.
func (p *pace) watchEnd(t *Task) bool {
	if t.arm&spinning == 0 || t.woke {
		return false
	}
	for from := int64(0); ; {
		for range looks {
			if t.state.Load() == over {
				return true
			}
			prim.Pause()
		}
		switch now := prim.Now(); {
		case from == 0:
			from = now
		case now-from >= spinFor:
			p.missed()
			return false
		}
	}
}
