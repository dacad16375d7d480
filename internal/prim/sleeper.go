package prim

// A sleeper is one OS thread that sleeps in the kernel until somebody rings. One ring is
// remembered; who rings makes sure that there are never two.
type sleeper struct {
	// word publishes what came before the ring.
	//
	//	quiet -> dozing         who waits, before it sleeps
	//	dozing -> quiet         who waits, when its time has come
	//	quiet, dozing -> rung   who rings, and wakes whom it finds dozing
	//	rung -> quiet           who waits: it has heard
	word Word
	bed  bed

	other *sleeper // see Bell.Other
}

const (
	quiet = iota
	dozing
	rung
)

func (s *sleeper) ring() {
	if s.word.Swap(rung) == dozing {
		s.bed.wake(&s.word)
	}
}

// waitUntil sleeps until somebody rings or the clock has come to at. It reports whether
// somebody rang.
func (s *sleeper) waitUntil(at int64) bool {
	for {
		switch s.word.Load() {
		case rung:
			s.word.Store(quiet)
			return true
		case quiet:
			s.word.CompareAndSwap(quiet, dozing)
			continue
		}
		d := int64(-1)
		if at != Never {
			if d = at - Now(); d <= 0 && s.word.CompareAndSwap(dozing, quiet) {
				return false
			}
			d = max(d, 0)
		}
		s.bed.sleep(&s.word, dozing, d)
	}
}

// Other is a second Bell for the same thread, which sleeps on one at a time; the zero Bell
// if it does not sleep in the kernel.
func (b Bell) Other() Bell {
	if b.s == nil {
		return Bell{}
	}
	return Bell{s: b.s.other}
}

// Kernel reports whether its waiter sleeps in the kernel.
func (b Bell) Kernel() bool { return b.s != nil }
