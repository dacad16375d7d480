//go:build !ste_explore

package prim

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Exploring is whether this build is for the exploration of interleavings.
const Exploring = false

type (
	// A Word is an atomic number with few values.
	Word = atomic.Uint32
	// A Count is an atomic number with many.
	Count = atomic.Int64
	// A Flag is an atomic bool.
	Flag = atomic.Bool
	// A Pointer is an atomic pointer.
	Pointer[T any] = atomic.Pointer[T]
	// A Mutex guards what is off the hot path.
	Mutex = sync.Mutex
)

var epoch = time.Now()

// Now reads the monotonic clock, in nanoseconds.
func Now() int64 { return int64(time.Since(epoch)) }

// At returns what Now returned at t, which time.Now has just returned.
func At(t time.Time) int64 {
	if t == t.Round(0) { // of a bubble, which has no monotonic part; time stands still there
		return Now()
	}
	return int64(t.Sub(epoch))
}

// Pause is one turn of a loop that watches an atomic.
func Pause() { pause() }

// Delay is n Pauses.
func Delay(n int) {
	for range n {
		pause()
	}
}

// Looks is how often a spinning side looks between two readings of the clock.
const Looks = 64

// Room is how much room a queue begins with.
const Room = 64

// Yield lets other goroutines run.
func Yield() { runtime.Gosched() }

// Processors is how many processors may run Go code.
func Processors() int { return runtime.GOMAXPROCS(0) }

// Go starts a goroutine.
func Go(name string, f func()) { go f() }

// Await returns when c is closed.
func Await(c <-chan struct{}) { <-c }

// AwaitEither returns when one of them is closed, and whether that is a.
func AwaitEither(a, b <-chan struct{}) bool {
	select {
	case <-a:
		return true
	case <-b:
		return false
	}
}

// Closed reports whether c is closed.
func Closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Close closes c.
func Close(c chan struct{}) { close(c) }

// AfterFunc is context.AfterFunc.
func AfterFunc(ctx context.Context, f func()) (stop func() bool) { return context.AfterFunc(ctx, f) }
