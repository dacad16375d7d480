// Package prim is what the hand-off is made of: atomics, the lock, parking,
// spinning and the clock. Package inbox uses nothing else of the kind, so that the
// same code can run under a scheduler that explores its interleavings. The root
// package is built on it and explored too, but for internal/who (its ring of waits aside) and internal/slots,
// which use sync and sync/atomic directly.
//
// In the normal build (plain.go) Word, Count, Flag, Pointer and Mutex are the types
// of sync and sync/atomic themselves, by construction. Bell and Alarm (bell.go) are a
// channel and a timer in a struct each.
//
// The assembly is one instruction: it tells the processor that a loop spins. It can
// be deleted when Go has a public call for that. The package can be deleted when
// the toolchain can explore interleavings of sync and sync/atomic.
package prim

import "math"

// Never is later than any time of Now's.
const Never = math.MaxInt64
