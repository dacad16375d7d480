// Package pace decides how the two sides of a hand-off wait for each other: whether they
// spin before they sleep, and for how long. It knows no queue and no task.
//
//   - Pace says whether the two sides spin before they sleep.
//   - Meter measures whether that pays: a choice.
//   - CallerWatch and WorkerWatch are one spin of either side.
//   - Turns lets others run now and then while both sides sleep.
//
// The words that are no standard terms:
//
//	crowd     more callers than one at a time
//	plain     the way to wait that sleeps at once; the other one is quick
//	pause     a sleep of the worker that is too long to be spun through
//	budget    the time that the quick way may still take, before it has to pay again
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
	Kernel               // never spin, and the worker sleeps in the kernel
)

// A Pace is how the two sides wait. Begin it with Init.
type Pace struct {
	wait Wait // immutable

	// spins is whether the sides spin before they sleep. Written by the worker; a side
	// that has spun for nothing where there is one processor turns it off. Read by both
	// before each wait. It publishes nothing.
	spins prim.Flag

	// meter is that of UseMeter; nil if there is none. Set once, by the first caller, which
	// publishes it.
	meter prim.Pointer[Meter]
}

// Init sets the way to wait.
func (p *Pace) Init(w Wait) {
	p.wait = w
	if w == Spin {
		p.several()
	}
}

// UseMeter gives the Pace its Meter, once; till then it does not measure. What nobody
// calls has nothing to measure, so it comes with the first caller.
func (p *Pace) UseMeter(m *Meter) {
	if p.wait == Adaptive || p.wait == Kernel {
		p.meter.Store(m)
	}
}

// Spins reports whether the sides spin before they sleep.
func (p *Pace) Spins() bool { return p.spins.Load() }

// ForceSpin makes them. For tests.
func (p *Pace) ForceSpin() { p.spins.Store(true) }

// several reports whether more than one processor may run Go code. With one, nothing can
// happen while somebody spins.
func (p *Pace) several() bool {
	several := prim.Processors() > 1
	if spins := several && (p.wait == Spin || p.spins.Load()); p.spins.Load() != spins {
		p.spins.Store(spins)
	}
	return several
}
