// Package inbox is the hand-off between the goroutines that give a Thread work and the one that
// does it: a queue, the sleep of the worker, the wait of the caller. For how long either side
// spins before is package pace's to say.
//
// The queue is a ring of items under a lock, which also decides whether work is accepted. The
// worker does not take the lock for each item: all that is queued is lent to it at once, and it
// claims one item after the other by counting up. Who must look into the queue, Cancel or Drop,
// recalls what is not claimed. So a Task leaves in exactly one of three ways: to the worker (Next,
// Try), by Cancel, by Drop; also behind one that never ends. Beside the queue goes a lone caller's
// closure: the worker watches the hands of one Task, the lane.
package inbox

import (
	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/prim"
)

// An Inbox is a queue of Tasks with many producers and one worker. Its parts lie on cache lines of
// their own by who writes them: hardly anyone, everyone, the worker, the callers.
type Inbox struct {
	limit  int64  // most counted items queued at once, 0 for any; immutable
	Bubble uint32 // the synctest bubble it was made in, 0 for none; immutable

	// state is awake, asleep when the worker sleeps or is about to, or closed.
	//
	//	awake -> asleep      worker, in doze, under mu
	//	asleep -> awake      wake, after add, offer or WakeAt; worker: doze, under mu, and sleep
	//	anything -> closed   Close, under mu, once
	//
	// Read by everyone. It publishes nothing: mu, the hands and until do.
	state prim.Word
	bell  prim.Bell
	pace  pace.Pace
	// lane is nil until there is a caller. Set once, in Get, by the one that holds busy; read by
	// everyone. Publishes the call.
	lane prim.Pointer[call]
	_    [line - 56]byte // the next line begins here; TestLayout

	mu prim.Mutex
	// Guarded by mu: the queue. Items have numbers; those from first to end are queued and not lent.
	ring     *ring // nil if it is empty, perhaps
	end      int64
	full     int64 // up to which number the ring has room for certain
	tasksEnd int64 // what end was after the last Task that was queued
	// counted is how many counted items are queued, if there is a limit. Added to under mu, by add;
	// subtracted from by whoever takes one out.
	counted prim.Count
	alarm   prim.Alarm // the worker's
	// news is true when something is queued and not lent, and after Close. Set by push, recall and
	// Close, cleared by lend, under mu; the worker watches it while it spins.
	news      prim.Flag
	handTaken uint8 // guarded by mu: which of the lane's hands was taken over last

	// claimed is the number of the item that the worker claims next, if it is below lent.
	//
	//	up by one     worker, in claim, without mu: the item before is its own
	//	-> a number   lend, under mu
	//	-> lent       recall, under mu: what was below is the worker's, the rest is not
	//
	// Read by room: of what is claimed, the worker has read and emptied all but the last.
	claimed prim.Count // the worker's line begins here
	// view is the ring of what is lent. Set by lend, cleared by recall, so that a worker that hangs
	// keeps no old ring, both under mu; read by the worker before it claims.
	view  prim.Pointer[ring]
	lent  int64 // where that ends. Written by lend under mu; read by the worker, and under mu
	first int64 // guarded by mu
	// until is when the worker has something to do though nothing comes in, on prim's clock.
	// Written by WakeAt; read by the worker, again after it has marked itself asleep.
	until   prim.Count
	posts   *posts // the worker's, as all below; nil before the first
	waiting pace.Worker
	Nested  bool // inside a Task: it does not spin, for that one's hand is full
	Single  bool // each Task is one closure
	bare    bool // no Task is among what is lent
	rang    bool // a caller was woken since others were let run
	_       [line - 54]byte

	// busy is 1 while a caller has the lane, from Get to Recycle. Taken by a compare-and-swap of 0,
	// so what lies in the lane is that caller's: everyone before has given it back.
	busy prim.Word
	// others is how many calls are out beside the lane. Added to by Get, subtracted from by
	// Recycle, read to see whether there is a crowd.
	others prim.Word
	pool   pool
	turns  pace.Turns
}

// line is the size of a cache line: 64 on amd64 and most arm64; on Apple's, 128, two parts share a
// line: slower, not wrong.
const line = 64

// States of an Inbox.
const (
	awake uint32 = iota
	asleep
	closed
)

// A Config is what New needs to know.
type Config struct {
	Limit  int       // most posts and Tasks with a Sink queued at one time, 0 for any number
	Bubble uint32    // the synctest bubble it is made in, 0 for none
	Wait   pace.Wait // how the two sides wait for each other
	Single bool      // each Task is one closure
}

// New makes an Inbox.
func New(c Config) *Inbox {
	q := &Inbox{limit: int64(c.Limit), Bubble: c.Bubble, Single: c.Single, bell: prim.NewBell()}
	if c.Bubble != 0 {
		c.Wait = pace.Park // a bubble's clock stands still while somebody spins, or sleeps in the kernel
	}
	if c.Wait == pace.Kernel {
		if q.bell = prim.NewKernelBell(); !q.bell.Kernel() {
			c.Wait = pace.Park
		}
	}
	q.pace.Init(c.Wait)
	q.until.Store(prim.Never)
	return q
}

// Close refuses all further work. What is queued stays. It reports whether it was the first.
func (q *Inbox) Close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	before := q.state.Swap(closed)
	if before == asleep {
		q.bell.Ring()
	}
	q.news.Store(true)
	return before != closed
}

// Closed reports whether Close was called.
func (q *Inbox) Closed() bool { return q.state.Load() == closed }
