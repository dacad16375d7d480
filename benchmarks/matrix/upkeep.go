package main

import (
	"context"
	"runtime"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/byhand"
)

// An upkeep is what a Thread costs while it does little or nothing.
type upkeep struct {
	// CPU time of the process at 1,000 submits a second, as a share of one core.
	PacedHand   float64 `json:"paced_baseline_cores"`
	PacedSte    float64 `json:"paced_ste_cores"`
	PacedRatio  float64 `json:"paced_ratio_median"` // ste's over the baseline's
	PacedSpread float64 `json:"paced_aa_spread"`
	PacedRounds int     `json:"paced_rounds"`

	// CPU time of the process with 100 idle Threads, as a share of one core.
	Idle     float64 `json:"idle_100_threads_cores"`
	IdleTime float64 `json:"idle_seconds"`

	// New and Close, in ns.
	NewHand   float64 `json:"new_close_by_hand_ns"`
	NewSte    float64 `json:"new_close_ste_ns"`
	NewRatio  float64 `json:"new_close_ratio_median"` // by hand over ste
	NewSpread float64 `json:"new_close_aa_spread"`
	NewRounds int     `json:"new_close_rounds"`

	// Go heap of a Thread beyond that of a locked goroutine that just waits, in
	// bytes.
	Heap float64 `json:"heap_bytes"`
}

// measurePaced compares the CPU time at 1,000 submits a second. The pace itself
// costs the same on both sides.
func (u *upkeep) measurePaced(ctx context.Context, d time.Duration) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	sides := []contestant{baseline, twin, strategies[0]}
	seen, err := alternate(ctx, d, len(sides), func(side int) (float64, error) {
		x, err := sides[side].open()
		if err != nil {
			return 0, err
		}
		defer x.close()
		task := func() {}
		x.submit(task)
		cpu, from := cpuTime(), time.Now()
		length := min(500*time.Millisecond, max(d/6, 50*time.Millisecond))
		for at := from; at.Sub(from) < length; {
			at = at.Add(time.Millisecond)
			time.Sleep(time.Until(at))
			x.submit(task)
		}
		return max(float64(cpuTime()-cpu), 1) / float64(time.Since(from)), nil
	})
	if err != nil || len(seen[0]) == 0 {
		return err
	}
	u.PacedHand, u.PacedSte = seen[0].median(), seen[2].median()
	u.PacedRatio = over(seen[2], seen[0]).median()
	u.PacedSpread = over(seen[1], seen[0]).spread()
	u.PacedRounds = len(seen[0])
	return nil
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

// measureHeap compares the Go heap with n Threads and with n locked goroutines.
// The runtime keeps ended goroutines, and for a while ended OS threads, for the
// next; so each side is measured right after as many have ended, several times.
func (u *upkeep) measureHeap(ctx context.Context) error {
	const n = 100
	sides := []func() (func(), error){
		func() (func(), error) { // one goroutine, as a Thread also has a second that only adds stack
			locked, end, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
			go func() {
				runtime.LockOSThread()
				defer close(ended)
				close(locked)
				<-end
			}()
			<-locked
			return func() { close(end); <-ended }, nil
		},
		func() (func(), error) {
			t, err := ste.New()
			return func() { t.Close() }, err
		},
	}
	round := func(side int) (float64, error) { return heapOf(n, sides[side]) }
	for range 2 {
		for side := range sides {
			if _, err := round(side); err != nil {
				return err
			}
		}
	}
	seen, err := alternate(ctx, time.Second, len(sides), round)
	if err != nil || len(seen[0]) == 0 {
		return err
	}
	// The bare goroutine's channels are its own and not the runtime's.
	channel, err := heapOf(1000, func() (func(), error) {
		c := make(chan struct{})
		return func() { close(c) }, nil
	})
	if err != nil {
		return err
	}
	channel -= closure
	var own ratios
	for i := range seen[0] {
		own = append(own, seen[1][i]-seen[0][i]+3*channel)
	}
	u.Heap = own.middle()
	return nil
}

// closure is what the func that closes a channel takes: a pointer to code and
// one to the channel.
const closure = 16

// heapOf returns the heap of each of n things.
func heapOf(n int, open func() (end func(), err error)) (float64, error) {
	ends := make([]func(), 0, n)
	before := heapNow()
	for range n {
		end, err := open()
		if err != nil {
			return 0, err
		}
		ends = append(ends, end)
	}
	after := heapNow()
	for _, end := range ends {
		end()
	}
	time.Sleep(10 * time.Millisecond) // their OS threads end a little later
	return (float64(after) - float64(before)) / float64(n), nil
}

func heapNow() uint64 {
	runtime.GC()
	runtime.GC() // the first may only have found what the second frees
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
