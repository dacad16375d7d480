package ste

import (
	"container/heap"
	"sort"
	"sync"
)

// locals are a Thread's values of Locals, by the Locals' slots. The Thread's, so
// they need no lock. A slot may hold what a Local that is closed has left there at the
// end of the Thread: who looks compares.
type locals struct {
	first [8]any // most programs have few
	more  []*[localsPage]any
}

const localsPage = 64

func (ls *locals) at(slot int) any {
	if uint(slot) < uint(len(ls.first)) {
		return ls.first[slot]
	}
	slot -= len(ls.first)
	if page := slot / localsPage; page < len(ls.more) && ls.more[page] != nil {
		return ls.more[page][slot%localsPage]
	}
	return nil
}

func (ls *locals) set(slot int, v any) {
	if slot < len(ls.first) {
		ls.first[slot] = v
		return
	}
	slot -= len(ls.first)
	page := slot / localsPage
	for page >= len(ls.more) {
		ls.more = append(ls.more, nil)
	}
	if ls.more[page] == nil {
		ls.more[page] = new([localsPage]any)
	}
	ls.more[page][slot%localsPage] = v
}

// slots gives each Local a number: the lowest that no other one has, so that tables
// are no longer than the most Locals there were at one time, and short again after a
// burst of them.
var slots struct {
	mu   sync.Mutex
	free slotHeap
	next int
}

func takeSlot() int {
	slots.mu.Lock()
	defer slots.mu.Unlock()
	if len(slots.free.IntSlice) > 0 {
		return heap.Pop(&slots.free).(int)
	}
	slots.next++
	return slots.next - 1
}

func giveSlot(slot int) {
	slots.mu.Lock()
	defer slots.mu.Unlock()
	heap.Push(&slots.free, slot)
}

// A slotHeap has the lowest number on top.
type slotHeap struct{ sort.IntSlice }

func (h *slotHeap) Push(x any) { h.IntSlice = append(h.IntSlice, x.(int)) }

func (h *slotHeap) Pop() any {
	n := len(h.IntSlice) - 1
	slot := h.IntSlice[n]
	h.IntSlice = h.IntSlice[:n]
	return slot
}
