//go:build !ste_explore

package prim

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

type (
	// A Word is an atomic number with few values.
	Word = atomic.Uint32
	// A Count is an atomic number with many.
	Count = atomic.Int64
	// A Pointer is an atomic pointer.
	Pointer[T any] = atomic.Pointer[T]
	// A Mutex guards what is off the hot path.
	Mutex = sync.Mutex
	// A Bell is where one goroutine parks.
	Bell = bell
)

var epoch = time.Now()

// Now reads the monotonic clock, in nanoseconds.
func Now() int64 { return int64(time.Since(epoch)) }

// Pause is one turn of a loop that watches an atomic.
func Pause() { pause() }

// Yield lets other goroutines run.
func Yield() { runtime.Gosched() }
