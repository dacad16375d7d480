package timers

import (
	"math/rand/v2"
	"testing"

	"github.com/ste-go/ste/internal/prim"
	"github.com/stretchr/testify/require"
)

// filled is a Heap of n Items with times below n/2, and the Items.
func filled(n int) (*Heap[int], []*Item[int]) {
	h := new(Heap[int])
	var all []*Item[int]
	for i := range n {
		it := &Item[int]{Of: i}
		h.Add(it, rand.Int64N(int64(max(n/2, 1))))
		all = append(all, it)
	}
	return h, all
}

// Items come by their times, and those of the same time as they were added.
func TestOrder(t *testing.T) {
	h, all := filled(1000)
	for i, it := range all {
		if i%3 == 0 {
			h.Remove(it)
			require.False(t, it.Pending())
		}
	}
	last := &Item[int]{At: -1}
	for range 666 {
		require.Equal(t, h.items[0].At, h.Next())
		it := h.Take(prim.Never, h.Newest())
		require.NotNil(t, it)
		require.NotZero(t, it.Of%3)
		require.True(t, it.At > last.At || it.At == last.At && it.Of > last.Of)
		last = it
	}
	require.Equal(t, int64(prim.Never), h.Next())
	require.Nil(t, h.Take(prim.Never, h.Newest()))
}

// What is not due, or was added since, is not taken; Drop takes out what is not due.
func TestTakeAndDrop(t *testing.T) {
	h, all := filled(1000)
	newest := h.Newest()
	late := &Item[int]{Of: -1}
	require.True(t, h.Add(late, -1))
	require.Nil(t, h.Take(prim.Never, newest))
	h.Remove(late)
	dropped := map[int]bool{}
	h.Drop(100, func(i int) { dropped[i] = true })
	for i, it := range all {
		require.Equal(t, it.At > 100, dropped[i])
		require.Equal(t, it.At <= 100, it.Pending())
	}
	for it := h.Take(100, newest); it != nil; it = h.Take(100, newest) {
		require.False(t, dropped[it.Of])
	}
	require.Equal(t, int64(prim.Never), h.Next())
}

// T7: a burst of timers leaves no memory behind, however it ends.
func TestT7TimersBurst(t *testing.T) {
	for name, end := range map[string]func(*Heap[int], []*Item[int]){
		"Remove": func(h *Heap[int], all []*Item[int]) {
			for _, it := range all {
				h.Remove(it)
			}
		},
		"Take": func(h *Heap[int], _ []*Item[int]) {
			for h.Take(prim.Never, h.Newest()) != nil {
			}
		},
		"Drop": func(h *Heap[int], _ []*Item[int]) { h.Drop(-1, func(int) {}) },
	} {
		h, all := filled(10_000)
		end(h, all)
		require.LessOrEqual(t, cap(h.items), 64, name)
		for _, it := range h.items[:cap(h.items)] {
			require.Nil(t, it, name)
		}
	}
}
