package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A load is what keeps the processors and the garbage collector busy while a
// cell is measured. It runs through all rounds of the cell.
type load struct {
	stop    atomic.Bool
	running sync.WaitGroup
}

func startLoad(c cell) *load {
	l := new(load)
	for range c.busy {
		l.running.Go(l.compute)
	}
	if c.storm {
		l.running.Go(l.allocate)
	}
	return l
}

func (l *load) end() {
	l.stop.Store(true)
	l.running.Wait()
}

// compute uses all the time it gets and never calls into the runtime, like a
// tight loop of a user's.
func (l *load) compute() {
	x := uint64(1)
	for !l.stop.Load() {
		for range 1000 {
			x = x*6364136223846793005 + 1442695040888963407
		}
	}
	runtime.KeepAlive(x)
}

// allocate makes garbage fast enough for dozens of collections a second. It
// sleeps in between, or it would be one more busy goroutine and the cells with
// and without busy ones would not differ.
func (l *load) allocate() {
	type node struct {
		next *node
		_    [48]byte
	}
	const burst, live = 64 << 10 / 56, 128 // in nodes, in bursts: 8 MiB stay alive
	var ring [live]*node
	for i := 0; !l.stop.Load(); i++ {
		var head *node
		for range burst {
			head = &node{next: head}
		}
		ring[i%live] = head
		time.Sleep(100 * time.Microsecond)
	}
}
