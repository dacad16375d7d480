package inbox

import "github.com/ste-go/ste/internal/prim"

// turns let others run now and then, while callers sleep and the worker wakes
// them. With one processor the two, waking each other without end, always stand
// first in its queue, and whoever stands behind them would starve: a goroutine
// was seen to wait for 30 s. Beside one that computes all the time the scheduler
// does see to it, and a yield would only cost time; so it is made only if nobody
// seems to have had a turn.
//
// Times in ns. Both are written and read by callers; a mistake between two of
// them moves a turn, no more.
type turns struct {
	last prim.Count // when others had a turn
	seen prim.Count // when somebody last looked
}

const (
	// slice is for how long others may have to wait. A yield beside goroutines that
	// compute, or with more callers, may cost 20 ms: with a tenth of this, loaded
	// cells of the matrix were up to five times slower.
	slice = 100e6
	// lull is how long between two looks says that others had a turn. Sixteen
	// round trips without one take 0.5 ms.
	lull = 5e6
)

func (u *turns) begin() {
	now := prim.Now()
	u.last.Store(now)
	u.seen.Store(now)
}

// take is called by a caller that has slept; uses counts how often. One in
// sixteen reads the clock.
func (u *turns) take(uses uint8) {
	if uses%16 != 0 {
		return
	}
	now := prim.Now()
	switch {
	case now-u.seen.Load() > lull:
		u.last.Store(now)
	case now-u.last.Load() > slice:
		prim.Yield()
		now = prim.Now()
		u.last.Store(now)
	}
	u.seen.Store(now)
}
