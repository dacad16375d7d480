package pace

import "github.com/ste-go/ste/internal/prim"

// Turns lets others run now and then, while callers sleep and the worker wakes
// them. With one processor the two, waking each other without end, always stand
// first in its queue, and whoever stands behind them would starve: a goroutine
// was seen to wait for 30 s. Beside one that computes all the time the scheduler
// does see to it, and a yield would only cost time; so it is made only if nobody
// seems to have had a turn.
//
// The zero Turns is ready for use. Times in ns. All are written and read by callers; a
// mistake between two of them moves a turn, no more.
type Turns struct {
	made prim.Count // when others were let run
	last prim.Count // when they seem to have had a turn, or were let run
	seen prim.Count // when somebody last looked
}

const (
	// slice is for how long others may have to wait. A yield beside goroutines that
	// compute, or with more callers, may cost 20 ms: with a tenth of this, loaded
	// cells of the matrix were up to five times slower.
	slice = 100e6
	// lull is how long between two looks says that others had a turn. Sixteen
	// quick round trips without one take 0.5 ms.
	lull = 5e6
	// sure is after how long others are let run in any case: long tasks look like
	// somebody else's turn.
	sure = 1e9
)

// Give is called by a caller that has slept; uses counts how often. One in
// sixteen reads the clock.
func (u *Turns) Give(uses uint8) {
	if uses%16 != 0 {
		return
	}
	now := prim.Now()
	if u.due(now) {
		prim.Yield()
		now = prim.Now()
		u.made.Store(now)
	}
	u.seen.Store(now)
}

// due reports whether others must be let run. It begins to count with the first look.
func (u *Turns) due(now int64) bool {
	turn := u.made.CompareAndSwap(0, now) || now-u.seen.Load() > lull
	due := now-u.made.Load() > sure || !turn && now-u.last.Load() > slice
	if turn || due {
		u.last.Store(now)
	}
	return due
}
