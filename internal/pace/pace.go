// Package pace decides how the two sides of a hand-off wait for each other: whether they
// spin before they sleep, and for how long. It knows no queue and no task.
//
//   - Pace has the two ways to wait and which of them is in force.
//   - Meter compares them, by round trips that the callers time.
//   - CallerWatch and WorkerWatch are one spin of either side.
//   - Turns lets others run now and then while both sides sleep.
//
// The words that are no standard terms:
//
//	arm       one of the two ways to wait, parking and spinning
//	trial     some round trips in the arm that is not in force, to compare the two
//	crowd     more callers than one at a time
//	steal     what another processor does to a goroutine that waits in a run queue
//	credit    tasks that came in while the worker spun; they pay for spinning longer
//	patience  for how long one spin of the worker may go on
//	stream    posts that come so soon one after another that a sleep in between does not pay
//	turns     when goroutines that are neither caller nor worker get to run
package pace

import "github.com/ste-go/ste/internal/prim"

// Wait says how the two sides wait for each other. ste.WaitStrategy has the same numbers.
type Wait uint8

const (
	Adaptive Wait = iota // spin while measurements say that it pays
	Park                 // never spin
	Spin                 // the worker never sleeps
)

// An Arm is one of the two ways to wait (the word is that of multi-armed bandits), and
// since when.
type Arm uint32

const (
	parking  Arm = 0
	spinning Arm = 1
	trial    Arm = 2 // added to the arm that is being tried
	// The bits above count the changes, so that a round trip that began before
	// one is not taken for the new arm's.
)

// Spins reports whether the sides spin before they sleep.
func (a Arm) Spins() bool { return a&spinning != 0 }

// A Pace decides whether the two sides spin before they sleep. It knows nothing of the
// Go scheduler, the load or the processors: it measures round trips of callers with and
// without spinning, and keeps to what is quicker. Begin it with Init.
type Pace struct {
	wait Wait // immutable

	// arm is the way to wait in force. Written by whoever holds the meter's mu, or
	// with Spin by the side that finds that the number of processors has changed.
	// Read by both sides before each wait.
	arm prim.Word

	// gap is the smoothed length of the worker's sleeps, in ns. Written by the
	// worker, read by whoever decides on a trial.
	gap prim.Count

	// meter is that of UseMeter; nil if there is none. Set once.
	meter prim.Pointer[Meter]
}

// Init sets the way to wait.
func (p *Pace) Init(w Wait) {
	p.wait = w
	if w == Spin {
		p.spin()
	}
}

// UseMeter gives the Pace its Meter, once; till then it does not measure. What nobody
// calls has nothing to measure, so it comes with the first caller.
func (p *Pace) UseMeter(m *Meter) {
	if p.wait == Adaptive {
		p.meter.Store(m)
	}
}

// Start says, before a task is queued, how its caller will wait; from is for Stop. uses
// counts the caller's tasks.
func (p *Pace) Start(uses uint8) (arm Arm, from int64) {
	arm = p.inForce()
	if p.wait != Adaptive {
		return arm, 0
	}
	// A reading of the clock costs a tenth of a hot round trip.
	every := uint8(4)
	if arm.Spins() {
		every = 16
	}
	if arm&trial != 0 || uses%every == 0 {
		from = prim.Now()
	}
	return arm, from
}

// inForce returns the way to wait in force.
func (p *Pace) inForce() Arm { return Arm(p.arm.Load()) }

// change puts another way to wait in force: it counts up and clears the two low bits.
func (p *Pace) change(arm Arm) {
	p.arm.Store(uint32((p.inForce() | trial | spinning) + 1 | arm))
}

// ForceSpin puts spinning in force. For tests.
func (p *Pace) ForceSpin() { p.arm.Store(uint32(spinning)) }

// several reports whether more than one processor may run Go code. With one,
// nothing can happen while somebody spins.
func several() bool { return prim.Processors() > 1 }

// spin is the arm of Spin: spinning, unless there is one processor only.
func (p *Pace) spin() {
	arm := parking
	if several() {
		arm = spinning
	}
	if p.inForce() != arm {
		p.arm.Store(uint32(arm))
	}
}

// missed is called by a side that has spun for nothing.
func (p *Pace) missed() {
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
