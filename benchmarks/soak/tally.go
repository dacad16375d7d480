package main

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A kind is something that happens in a soak and is counted.
type kind int

const (
	submits kind = iota
	submitContexts
	calls
	posts
	asyncs
	waits
	inPlaces
	crossings
	gaveUp
	full
	refused
	pendings
	runs
	pulls
	tagged
	binds
	uses
	boundCloses
	boundsForgotten
	localGets
	localTakes
	localVisits
	localCloses
	localsForgotten
	timers
	ticks
	stops
	goroutines
	panics
	exits
	made
	attached
	closes
	shutdowns
	forgotten
	ended
	raced
	dropped
	rings
	ownRings
	collections
	resized
	kinds
)

var kindNames = [kinds]string{"Submit", "SubmitContext", "Call", "Post", "Async", "Future.Wait", "in place", "Thread to Thread",
	"given up", "queue full", "refused, closed", "RunPending", "Run", "iter.Pull", "Tagged tried", "Bind", "Bound used", "Bound closed",
	"Bound forgotten", "Local.Get", "Local.Take", "Local.Each visits", "Local.Close", "Local forgotten", "timers", "timers fired",
	"timers stopped", "goroutines of tasks", "panics", "Goexits", "Threads made", "of these attached", "Threads closed",
	"Threads shut down", "Threads forgotten", "Threads ended", "closings raced", "tasks dropped", "rings", "rings of one", "GC runs", "GOMAXPROCS changes"}

// A tally counts and remembers what was wrong.
type tally struct {
	n     [kinds]atomic.Int64
	worst atomic.Int64 // latency since the last progress line, ns

	mu sync.Mutex
	// Guarded by mu.
	latency  *hdrhistogram.Histogram // of Submit from no Thread
	failures []string

	failed chan struct{} // closed at the first failure
}

func newTally() *tally {
	return &tally{latency: hdrhistogram.New(1, int64(time.Hour), 3), failed: make(chan struct{})}
}

func (t *tally) add(k kind) { t.n[k].Add(1) }

// progress is a number that grows as long as anything happens.
func (t *tally) progress() (sum int64) {
	for i := range t.n {
		if k := kind(i); k != collections && k != resized { // the weather goes on whatever hangs
			sum += t.n[i].Load()
		}
	}
	return sum
}

// took records how long a Submit has taken.
func (t *tally) took(d time.Duration) {
	for old := t.worst.Load(); int64(d) > old && !t.worst.CompareAndSwap(old, int64(d)); old = t.worst.Load() {
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.latency.RecordValue(int64(d)) // an hour would be a failure anyway
}

const mostFailures = 20

// fail says what was wrong, and ends the soak soon. The first is the one to look at.
func (t *tally) fail(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failures) == 0 {
		close(t.failed)
	}
	if len(t.failures) < mostFailures {
		text := fmt.Sprintf(format, args...)
		t.failures = append(t.failures, text)
		fmt.Fprintln(os.Stderr, "FAILED:", text)
	}
}

func (t *tally) hasFailed() bool {
	select {
	case <-t.failed:
		return true
	default:
		return false
	}
}
