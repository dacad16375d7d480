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
	// slice is for how long others may have to wait with one processor: as long as
	// the Go scheduler lets a goroutine run before it takes the processor away.
	// With several they starve only if all are taken by such pairs. Then sliceMany
	// must do: beside goroutines that compute, a yield costs up to 20 ms.
	slice     = 10e6
	sliceMany = 100e6
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
	now, most := prim.Now(), int64(slice)
	if several() {
		most = sliceMany
	}
	switch {
	case now-u.seen.Load() > lull:
		u.last.Store(now)
	case now-u.last.Load() > most:
		prim.Yield()
		now = prim.Now()
		u.last.Store(now)
	}
	u.seen.Store(now)
}
