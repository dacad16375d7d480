// Package slots is where a Thread keeps its values of Locals: each Local has a number,
// its slot, and each Thread a table by these numbers. So finding a value takes neither a
// lock nor a map.
package slots

import (
	"math"
	"math/bits"
	"sync"
)

// A Table holds values by slots. It belongs to one Thread and needs no lock. The zero
// Table is empty. A slot may hold what a Local that is closed has left there at the end
// of the Thread: who looks compares.
type Table struct {
	first [8]any // most programs have few
	more  []*[page]any
}

const page = 64

// At returns what was set, or nil.
func (t *Table) At(slot int) any {
	if uint(slot) < uint(len(t.first)) {
		return t.first[slot]
	}
	slot -= len(t.first)
	if n := slot / page; n < len(t.more) && t.more[n] != nil {
		return t.more[n][slot%page]
	}
	return nil
}

// Set puts v into the slot; nil empties it.
func (t *Table) Set(slot int, v any) {
	if slot < len(t.first) {
		t.first[slot] = v
		return
	}
	slot -= len(t.first)
	n := slot / page
	for n >= len(t.more) {
		t.more = append(t.more, nil)
	}
	if t.more[n] == nil {
		t.more[n] = new([page]any)
	}
	t.more[n][slot%page] = v
}

// used has a bit for each number. A Local gets the lowest that no other one has, so
// tables are no longer than there were Locals at one time, and short again after a burst.
var used struct {
	mu    sync.Mutex
	words []uint64
	low   int // words before it are full
}

// Take returns a number that nobody has.
func Take() int {
	used.mu.Lock()
	defer used.mu.Unlock()
	for used.low < len(used.words) && used.words[used.low] == math.MaxUint64 {
		used.low++
	}
	if used.low == len(used.words) {
		used.words = append(used.words, 0)
	}
	bit := bits.TrailingZeros64(^used.words[used.low])
	used.words[used.low] |= 1 << bit
	return 64*used.low + bit
}

// Give gives a number back.
func Give(slot int) {
	used.mu.Lock()
	defer used.mu.Unlock()
	used.words[slot/64] &^= 1 << (slot % 64)
	used.low = min(used.low, slot/64)
}
