package testkit

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// A Barrier releases its parties together.
type Barrier struct {
	arrived sync.WaitGroup
	open    chan struct{}
}

// NewBarrier makes a Barrier for so many parties.
func NewBarrier(parties int) *Barrier {
	b := &Barrier{open: make(chan struct{})}
	b.arrived.Add(parties)
	go func() { b.arrived.Wait(); close(b.open) }()
	return b
}

// Wait waits until all parties have come.
func (b *Barrier) Wait() { b.arrived.Done(); <-b.open }

// Together runs the functions on goroutines of their own, released together,
// and waits for all of them, however they end. A function that hangs fails the
// whole run with a dump of all goroutines.
func Together(t testing.TB, fs ...func()) {
	t.Helper()
	b := NewBarrier(len(fs))
	var wg sync.WaitGroup
	for _, f := range fs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			b.Wait()
			f()
		}()
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	Await(t, done)
}

// Await returns what comes from c, which may be its end. It fails the whole run, with
// a dump of all goroutines, when nothing comes in good time: somebody was left waiting
// for ever.
func Await[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	timer := time.NewTimer(*patienceFlag)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		// Not a failure of t: its cleanups would wait for the same thing.
		buf := make([]byte, 1<<20)
		fmt.Fprintf(os.Stderr, "%s: somebody waits for ever (for longer than -patience %v)\n\n%s", t.Name(), *patienceFlag, buf[:runtime.Stack(buf, true)])
		os.Exit(1)
		panic("unreachable")
	}
}

// Within runs f and fails like Await when it does not end. It reports whether f
// ended by returning, and what it panicked with if it did that.
func Within(t testing.TB, f func()) (returned bool, panicked any) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		f()
		returned = true
	}()
	Await(t, done)
	return returned, panicked
}

// Until waits for what must become true, and fails the test when it does not in good
// time.
func Until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(*patienceFlag); !cond(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never (in -patience %v): %s", *patienceFlag, what)
		}
	}
}

// Collect runs the garbage collector until cond holds. It reports whether cond
// came to hold before many collections, and a long time: what a collection finds is
// cleaned up after it.
func Collect(cond func() bool) bool {
	for begun, n := time.Now(), 0; n < 500 || time.Since(begun) < *patienceFlag; n++ {
		runtime.GC()
		if cond() {
			return true
		}
		if runtime.Gosched(); n > 20 {
			time.Sleep(time.Millisecond)
		}
	}
	return false
}

// Fastest is the best time of many short runs of 1,000 calls of each function, which is
// what the code costs when nothing else disturbs it. They run in turns, so that a machine
// that is slow for a while is slow for all.
func Fastest(fs ...func()) []time.Duration {
	best := make([]time.Duration, len(fs))
	for n := range 200 {
		for i, f := range fs {
			begun := time.Now()
			for range 1000 {
				f()
			}
			if took := time.Since(begun); n == 0 || took < best[i] {
				best[i] = took
			}
		}
	}
	return best
}

// IsClosed reports whether c is closed.
func IsClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
