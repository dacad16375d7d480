// Package timers is the heap of what a Thread has to do at a time. It knows no clock and
// takes no lock.
package timers

import (
	"container/heap"

	"github.com/ste-go/ste/internal/prim"
)

// An Item is something to do at a time. It is in one Heap at most. The zero Item is in
// none.
type Item[T any] struct {
	Of T     // what it is
	At int64 // when, as Add said

	number uint64 // those of the same time come in the order of their numbers
	place  int    // in the heap, counted from 1; 0 when it is in none
}

// Pending reports whether it is in a Heap.
func (it *Item[T]) Pending() bool { return it.place > 0 }

// A Heap holds Items by their times. The zero Heap is empty.
type Heap[T any] struct {
	items items[T]
	last  uint64 // the newest number
}

// Add puts it in. It reports whether nothing comes before it.
func (h *Heap[T]) Add(it *Item[T], at int64) (first bool) {
	h.last++
	it.At, it.number = at, h.last
	heap.Push(&h.items, it)
	return it.place == 1
}

// Remove takes out what is pending in h.
func (h *Heap[T]) Remove(it *Item[T]) {
	heap.Remove(&h.items, it.place-1)
	h.shrink()
}

// Next is when something is to be done next, or Never.
func (h *Heap[T]) Next() int64 {
	if len(h.items) == 0 {
		return prim.Never
	}
	return h.items[0].At
}

// Newest is the number of the Item that was added last.
func (h *Heap[T]) Newest() uint64 { return h.last }

// Take takes out the Item that comes first, if its time is now or before and it was not
// added after newest; else it returns nil.
func (h *Heap[T]) Take(now int64, newest uint64) *Item[T] {
	if len(h.items) == 0 || h.items[0].At > now || h.items[0].number > newest {
		return nil
	}
	it := heap.Pop(&h.items).(*Item[T])
	h.shrink()
	return it
}

// Drop takes out those whose time comes after now, and gives each to dropped.
func (h *Heap[T]) Drop(now int64, dropped func(T)) {
	kept := h.items[:0]
	for _, it := range h.items {
		if it.At <= now {
			kept = append(kept, it)
			it.place = len(kept)
		} else {
			it.place = 0
			dropped(it.Of)
		}
	}
	clear(h.items[len(kept):])
	h.items = kept
	heap.Init(&h.items)
	h.shrink()
}

// shrink gives the memory of a burst back (T7).
func (h *Heap[T]) shrink() {
	if n := len(h.items); cap(h.items) > 64 && n < cap(h.items)/4 {
		h.items = append(make(items[T], 0, 2*n), h.items...)
	}
}

// items are a heap as container/heap wants it.
type items[T any] []*Item[T]

func (s items[T]) Len() int { return len(s) }

func (s items[T]) Less(i, j int) bool {
	a, b := s[i], s[j]
	return a.At < b.At || a.At == b.At && a.number < b.number
}

func (s items[T]) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].place, s[j].place = i+1, j+1
}

func (s *items[T]) Push(x any) {
	it := x.(*Item[T])
	*s = append(*s, it)
	it.place = len(*s)
}

func (s *items[T]) Pop() any {
	n := len(*s) - 1
	it := (*s)[n]
	it.place, (*s)[n], *s = 0, nil, (*s)[:n]
	return it
}
