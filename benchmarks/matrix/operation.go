package main

import (
	"context"
	"math"
	"runtime"

	"github.com/ste-go/ste"
)

// An operation is one call of the library, measured alone.
type operation struct {
	Name   string  `json:"name"`
	NS     float64 `json:"ns"`
	Allocs float64 `json:"allocs"`
	maxNS  float64 // the figure to reach, 0 for none
	noHeap bool    // it must not allocate
}

// perOp returns the time for one of n operations: the least of several runs, as
// what disturbs a single operation only ever adds.
func perOp(run func(n int)) float64 {
	const n = 100_000
	best := int64(0)
	for i := range 7 {
		from := clock()
		run(n)
		if took := clock() - from; i == 0 || took < best {
			best = took
		}
	}
	return float64(best) / n
}

// allocsPerOp returns the number of allocations of one of n operations: the least
// of several runs, as the runtime and what earlier steps left behind allocate too.
func allocsPerOp(run func(n int)) float64 {
	const n = 2000
	run(n)
	least := uint64(math.MaxUint64)
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		run(n)
		runtime.ReadMemStats(&after)
		least = min(least, after.Mallocs-before.Mallocs)
	}
	return float64(least) / n
}

func measureOperations() (ops []operation, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	t, err := ste.New()
	if err != nil {
		return nil, err
	}
	defer t.Close()
	task := func() {}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	// Submits are compared in the matrix; here only their allocations count.
	for _, op := range []struct {
		name string
		run  func(n int)
	}{
		{"Submit", func(n int) {
			for range n {
				_ = t.Submit(task)
			}
		}},
		{"SubmitContext", func(n int) {
			for range n {
				_ = t.SubmitContext(ctx, task)
			}
		}},
		{"Post", func(n int) {
			for i := range n {
				_ = t.Post(task)
				if i%32 == 31 {
					_ = t.Submit(task) // the queue stays short, as in a steady state
				}
			}
		}},
	} {
		ops = append(ops, operation{Name: op.name, Allocs: allocsPerOp(op.run), noHeap: true})
	}

	// These are called on the Thread.
	err = t.Submit(func() {
		value, tag := ste.NewTagged(1), t.Tag()
		local := ste.NewLocal(func() (int, error) { return 1, nil }, nil)
		for _, op := range []struct {
			operation
			run func(n int)
		}{
			{operation{Name: "Tagged.Get", maxNS: 3, noHeap: true}, func(n int) {
				sum := 0
				for range n {
					sum += value.Get()
				}
				runtime.KeepAlive(sum) // or the compiler leaves it all out
			}},
			{operation{Name: "Tag.OnThread", maxNS: 3}, func(n int) {
				on := true
				for range n {
					on = on && tag.OnThread()
				}
				runtime.KeepAlive(on)
			}},
			{operation{Name: "Local.Get", maxNS: 10, noHeap: true}, func(n int) {
				sum := 0
				for range n {
					sum += *local.Get()
				}
				runtime.KeepAlive(sum)
			}},
			{operation{Name: "re-entrant Submit", maxNS: 20}, func(n int) {
				for range n {
					_ = t.Submit(task)
				}
			}},
		} {
			op.NS, op.Allocs = perOp(op.run), allocsPerOp(op.run)
			ops = append(ops, op.operation)
		}
	})
	return ops, err
}
