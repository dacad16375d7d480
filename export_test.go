package ste

import (
	"testing"

	"github.com/ste-go/ste/internal/pin"
	"github.com/ste-go/ste/internal/who"
)

// LockDepth is how many stray unlocks a Thread outlasts at least.
const LockDepth = pin.Depth

// SetLastID lets the next New count on from id, until the test ends.
func SetLastID(t *testing.T, id uint64) {
	old := who.Last.Swap(id)
	t.Cleanup(func() { who.Last.Store(old) })
}

// Marks are what the running code of tag's Thread is recognised by: 0 and 0 when
// nothing is.
func Marks(tag Tag) (goroutine uintptr, thread uint64) {
	id := tag.id.Get()
	return id.Goroutine(), id.OSThread()
}

// Waits reports whether a wait of tag's Thread for another one is on record.
func Waits(tag Tag) bool { return tag.id.Get().Waits() }

// Waiting is how many Waits will take f's result.
func Waiting[T any](f *Future[T]) int {
	c := f.core.Get()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting
}

// Doomed reports whether the limit of a Shutdown that did not wait has been reached.
func Doomed(t *Thread) bool { return t.core.Get().doomed.Load() }

// Unclaimed is how many panics of Futures t remembers.
func Unclaimed(t *Thread) int {
	c := t.core.Get()
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seldom().unclaimed)
}

// Slot is the number of l's slot in each Thread's table.
func Slot[T any](l *Local[T]) int { return l.core.Get().slot }
