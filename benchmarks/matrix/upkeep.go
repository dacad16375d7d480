package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/byhand"
)

// An upkeep is what a Thread costs while it does little or nothing.
type upkeep struct {
	// CPU time of the process with 100 idle Threads, as a share of one core.
	Idle     float64 `json:"idle_100_threads_cores"`
	IdleTime float64 `json:"idle_seconds"`

	// New and Close, in ns.
	NewHand   float64 `json:"new_close_by_hand_ns"`
	NewSte    float64 `json:"new_close_ste_ns"`
	NewRatio  float64 `json:"new_close_ratio_median"` // by hand over ste
	NewSpread float64 `json:"new_close_aa_spread"`
	NewRounds int     `json:"new_close_rounds"`

	// Go heap of an idle Thread beside its goroutines and OS thread, in
	// bytes.
	Heap float64 `json:"heap_bytes"`
}

// measureIdle watches 100 Threads that have nothing to do.
func (u *upkeep) measureIdle(ctx context.Context, d time.Duration) error {
	for range 100 {
		t, err := ste.New()
		if err != nil {
			return err
		}
		defer t.Close()
		if err := t.Submit(func() {}); err != nil {
			return err
		}
	}
	runtime.GC() // or what went before is collected meanwhile
	select {
	case <-time.After(d / 10): // what spins for a while may do so
	case <-ctx.Done():
		return nil
	}
	cpu, from := cpuTime(), time.Now()
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return nil
	}
	u.IdleTime = time.Since(from).Seconds()
	u.Idle = (cpuTime() - cpu).Seconds() / u.IdleTime
	return nil
}

// measureNew compares the life of a Thread with that of a locked goroutine with
// a channel.
func (u *upkeep) measureNew(ctx context.Context, d time.Duration) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	hand := func() error {
		byhand.New().Close()
		return nil
	}
	sides := []func() error{hand, hand, func() error {
		t, err := ste.New()
		if err != nil {
			return err
		}
		return t.Close()
	}}
	seen, err := alternate(ctx, d, len(sides), func(side int) (float64, error) {
		const lives = 100
		from := clock()
		for range lives {
			if err := sides[side](); err != nil {
				return 0, err
			}
		}
		return float64(clock()-from) / lives, nil
	})
	if err != nil || len(seen[0]) == 0 {
		return err
	}
	u.NewHand, u.NewSte = seen[0].median(), seen[2].median()
	u.NewRatio = over(seen[0], seen[2]).median()
	u.NewSpread = over(seen[0], seen[1]).spread()
	u.NewRounds = len(seen[0])
	return nil
}

// measureHeap asks the heap profile what idle Threads hold: all that was
// allocated below a function of the library, the coroutine included. Left out is
// the runtime's record of a goroutine that waits, which any other has as well;
// goroutines and OS threads themselves are not allocated below the library.
// (The heap with Threads less the heap with locked goroutines scatters by 400
// bytes, since the runtime keeps ended ones for the next. This way it scatters by 20,
// and the first round has what a process has once: the median of five.)
func (u *upkeep) measureHeap() error {
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	runtime.MemProfileRate = 1
	var seen ratios
	for range 5 {
		heap, err := heapOfThreads(200)
		if err != nil {
			return err
		}
		seen = append(seen, heap)
	}
	u.Heap = seen.median()
	return nil
}

// heapOfThreads returns what each of n idle Threads holds.
func heapOfThreads(n int) (float64, error) {
	before, err := ownHeap()
	if err != nil {
		return 0, err
	}
	for range n {
		t, err := ste.New()
		if err != nil {
			return 0, err
		}
		defer t.Close()
	}
	time.Sleep(100 * time.Millisecond) // until all of them sleep
	after, err := ownHeap()
	return float64(after-before) / float64(n), err
}

// ownHeap returns how many bytes the library holds.
func ownHeap() (sum int64, err error) {
	runtime.GC()
	runtime.GC() // the profile is of the last but one
	records := make([]runtime.MemProfileRecord, 100_000)
	n, ok := runtime.MemProfile(records, false)
	if !ok {
		return 0, fmt.Errorf("a heap profile of %d records, expected fewer", n)
	}
	for _, r := range records[:n] {
		own, waits := false, false
		for frames := runtime.CallersFrames(r.Stack()); ; {
			f, more := frames.Next()
			own = own || strings.HasPrefix(f.Function, "github.com/ste-go/ste.") || strings.HasPrefix(f.Function, "github.com/ste-go/ste/internal/")
			waits = waits || strings.HasSuffix(f.Function, "prim.bell.Wait")
			if !more {
				break
			}
		}
		if own && !waits {
			sum += r.InUseBytes()
		}
	}
	return sum, nil
}
