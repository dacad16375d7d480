// Package inbox is the hand-off between the goroutines that give a Thread work
// and the one that does it: a queue, the sleep of the worker, the wait of the
// caller. All atomics, parking, spinning and reuse of the hand-off are here.
//
// Work comes in by one atomic exchange on the word head and without a lock; that
// of a lone caller by one on a word of its own, see lane. The worker
// takes over all that has come in, into a list under a lock that only it and the
// rare calls use: Cancel, Drop and Close. That keeps three things simple which a
// queue without any lock makes hard: a cancelled Task leaves the middle of the
// queue at once, also behind a Task that never ends; accepting work and closing
// are one decision; and a Task leaves in exactly one of three ways (Next,
// Cancel, Drop).
package inbox

import (
	"math"

	"github.com/ste-go/ste/internal/bubble"
	"github.com/ste-go/ste/internal/prim"
)

// A Verdict is Put's answer.
type Verdict uint8

const (
	Accepted Verdict = iota
	Closed           // Close was called before
	Full             // the limit of counted Tasks is reached
)

// An Inbox is a queue of Tasks with many producers and one worker. Make it with
// New.
//
// Its parts lie on cache lines of their own by who writes them: everyone, the
// worker, the submitters.
type Inbox struct {
	limit  int64  // most counted Tasks queued at once, 0 for any; immutable
	bubble uint32 // the synctest bubble it was made in, 0 for none; immutable
	bell   prim.Bell
	pace   pace
	// counted is how many counted Tasks are queued. Put adds before it queues, and
	// who takes a Task out subtracts after. Unused without a limit.
	counted prim.Count
	// lane is nil until there is a caller. Set once, by whoever has it first.
	lane prim.Pointer[lane]

	// head is the newest Task that has come in; next leads from there to the
	// older ones. nil if none has, asleep if none has and the worker sleeps or is
	// about to, closed for ever after Close.
	//
	//	nil, asleep or a Task -> a new Task   Put
	//	nil -> asleep                         worker, in doze, under mu
	//	asleep -> nil                         offer; WakeAt
	//	asleep -> nil                         worker, in doze, under mu
	//	a Task -> nil                         grab, under mu
	//	anything -> closed                    Close, under mu, once
	//
	// Put's exchange publishes the Task; whoever but the worker replaces asleep
	// rings the bell.
	head  prim.Pointer[Task]
	posts posts      // beside head, which each Post reads
	alarm prim.Alarm // the worker's
	_     [line - 56]byte

	mu prim.Mutex
	// Guarded by mu: what flush has taken over, oldest first.
	first, last *Task
	turn        uint8 // which of the lane's hands was taken over last
	// The worker's own.
	vigil   vigil
	service Service
	single  bool // from New
	// running is the batch that the worker has come to. Written by the worker
	// under mu; read by it and, under mu, by Drop.
	running *Task
	// free are empty batches or nil. Put there by the worker, taken by posters.
	free [2]prim.Pointer[Task]
	// until is when the worker has something to do though nothing comes in, on
	// prim's clock. Written by WakeAt; read by the worker, again after it has
	// marked itself asleep.
	until prim.Count

	pool     pool
	courtesy courtesy
}

// line is the size of a cache line on the processors that matter.
const line = 64

// Marks of Inbox.head.
var asleep, closed = new(Task), new(Task)

// After says how the worker's last Task ended, for how it waits for the next.
type After uint8

const (
	Seen   After = iota // its caller saw it, or there was none
	Rang                // its caller slept and has been woken
	Posted              // nobody waited for it
)

// A Config is what New needs to know.
type Config struct {
	Limit  int    // most counted Tasks queued at one time, 0 for any number
	Bubble uint32 // the synctest bubble it is made in, 0 for none
	Wait   Wait   // how the two sides wait for each other
	Single bool   // as of a Service, always
}

// A Service says how the worker goes about it.
type Service struct {
	Nested bool // inside a Task: it does not spin, for that one's hand is full
	Single bool // each Task is one closure
}

// New makes an Inbox.
func New(c Config) *Inbox {
	q := &Inbox{limit: int64(c.Limit), bubble: c.Bubble, single: c.Single, bell: prim.NewBell()}
	q.service.Single = c.Single
	if c.Bubble != 0 {
		c.Wait = Park // a bubble's clock stands still while somebody spins
	}
	q.pace.init(c.Wait)
	q.until.Store(Never)
	q.courtesy.begin()
	return q
}

// Bubbled reports whether the Inbox was made in a synctest bubble.
func (q *Inbox) Bubbled() bool { return q.bubble != 0 }

// Bubble returns the number of that bubble, or 0.
func (q *Inbox) Bubble() uint32 { return q.bubble }

// Never is later than any time.
const Never = math.MaxInt64

// WakeAt says that Next must return at a time, instead of when was said before.
// Calls must not overlap.
func (q *Inbox) WakeAt(at int64) {
	if at == q.until.Load() {
		return
	}
	q.until.Store(at)
	if q.head.Load() == asleep && q.head.CompareAndSwap(asleep, nil) {
		q.bell.Ring()
	}
}

// Until is what WakeAt said last.
func (q *Inbox) Until() int64 { return q.until.Load() }

// due reports whether that time has come.
func (q *Inbox) due() bool {
	at := q.until.Load()
	return at != Never && prim.Now() >= at
}

// Limited reports whether counted Tasks are limited.
func (q *Inbox) Limited() bool { return q.limit > 0 }

// Get returns an empty Task for Put. waits says that the caller will Wait for it.
func (q *Inbox) Get(waits bool) *Task {
	if !waits {
		return q.pool.pop()
	}
	t := q.lone()
	if t == nil {
		t = q.pool.pop()
	}
	if t.waiter == nil || t.bell == (prim.Bell{}) {
		if q.bubble == 0 && bubble.Here() { // what is made here is no good outside
			q.putBack(t)
			t = &Task{waiter: &waiter{gate: new(prim.Mutex)}}
			t.gate.Lock()
			t.state.Store(parked)
			return t
		}
		if t.waiter == nil {
			t.waiter = new(waiter)
		}
		t.bell = prim.NewBell()
	}
	if t.lane == nil {
		q.pool.others.Add(1)
		t.want = (t.state.Load() + 1) &^ parked
	}
	return t
}

// Recycle takes back a Task that is out of the queue and finished with.
func (q *Inbox) Recycle(t *Task) {
	switch {
	case t.batch != nil: // looks after itself
		return
	case t.Posted:
		if t.Sunk {
			t.Frame = nil
		}
		t.run = nil
		t.Posted, t.Own, t.Counted, t.Sunk = false, false, false, false
		q.pool.push(t, t)
		return
	}
	w := t.waiter
	if w.End != Returned {
		w.End, w.Err = Returned, nil
	}
	if t.run != nil { // a lane's most often is, and its line stays with both sides
		t.run = nil
	}
	if w.gate != nil { // for one wait only
		return
	}
	if t.lane == nil {
		q.pool.others.Add(^uint32(0))
	}
	q.putBack(t)
}

// putBack gives back what lone or pool.pop returned.
func (q *Inbox) putBack(t *Task) {
	if t.lane != nil {
		q.pool.busy.Store(0)
		return
	}
	q.pool.push(t, t)
}

// Put queues t, which stands for run. On Closed and Full t stays the caller's.
func (q *Inbox) Put(t *Task, run func()) Verdict {
	if q.limit > 0 && t.Counted {
		for {
			n := q.counted.Load()
			if q.head.Load() == closed {
				return Closed
			}
			if n >= q.limit {
				return Full
			}
			if q.counted.CompareAndSwap(n, n+1) {
				break
			}
		}
	}
	var did int
	posted := t.Posted // later t may be another submitter's
	switch {
	case posted:
		t.run = run
		did = q.pushSealed(t)
	case t.lane != nil:
		q.pace.start(t)
		did = q.offer(t.lane, run)
	default:
		t.run = run
		q.pace.start(t)
		did = q.push(t)
	}
	switch did {
	case refused:
		q.uncount(t)
		return Closed
	case wake:
		if !posted {
			t.woke = true
		}
		q.bell.Ring()
	}
	return Accepted
}

// What push says.
const (
	done    = iota
	wake    // done, and the caller must ring
	refused // the Inbox is closed
)

// push puts t on head. If it succeeds t may be anyone's when push returns.
func (q *Inbox) push(t *Task) int {
	// The quick case without a look: that would fetch the line once more.
	t.next = nil
	if q.head.CompareAndSwap(nil, t) {
		return done
	}
	for {
		switch h := q.head.Load(); h {
		case closed:
			t.next = nil
			return refused
		case asleep:
			t.next = nil
			if q.head.CompareAndSwap(asleep, t) {
				return wake
			}
		default:
			t.next = h
			if q.head.CompareAndSwap(h, t) {
				return done
			}
		}
	}
}

// flush takes over what has come in. The caller holds mu.
func (q *Inbox) flush() { q.accept(q.grab()) }

// grab takes the chain of what has come in on head, newest first, and says
// whether the lane comes after it. The caller holds mu.
func (q *Inbox) grab() (newest *Task, lane bool) {
	lane = q.offered() // first, so that what its caller has posted before is on head
	switch q.head.Load() {
	case nil, asleep, closed:
		return nil, lane
	}
	return q.head.Swap(nil), lane
}

// accept appends what grab said. The caller holds mu.
func (q *Inbox) accept(newest *Task, lane bool) {
	if newest != nil {
		q.take(newest)
	}
	if lane {
		t := q.receive()
		t.next = nil
		q.take(t)
	}
}

// take appends a chain that came from head. The caller holds mu.
func (q *Inbox) take(newest *Task) {
	var older *Task // walked from the newest: turn it round
	for t := newest; t != nil; {
		next := t.next
		t.next, t.queued = older, true
		if older != nil {
			older.prev = t
		}
		t, older = next, t
	}
	if q.last == nil {
		q.first = older
	} else {
		q.last.next, older.prev = older, q.last
	}
	q.last = newest
}

// remove takes t out of the list. The caller holds mu.
func (q *Inbox) remove(t *Task) {
	if t.prev == nil {
		q.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		q.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.next, t.prev, t.queued = nil, nil, false
	q.uncount(t)
}

// uncount makes room for another counted Task.
func (q *Inbox) uncount(t *Task) {
	if q.limit > 0 && t.Counted {
		q.counted.Add(-1)
	}
}

// Gather puts what has come in into the order in which it stands, so that what is
// posted after it comes after all of that: else it might join a batch that is
// open, or pass what lies in the lane.
func (q *Inbox) Gather() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.head.Load() == closed { // the worker may have ended, and would not see it
		return
	}
	q.posts.mu.Lock()
	q.posts.seal()
	q.posts.mu.Unlock()
	q.flush()
}

// Cancel takes t out of the queue unless something else has. It reports whether
// it did; then t will never run and belongs to the caller.
func (q *Inbox) Cancel(t *Task) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.lane != nil || q.head.Load() != closed { // else nobody would run a late offer, see Gather
		q.flush()
	}
	if !t.queued {
		return false
	}
	q.remove(t)
	t.over()
	return true
}

// Serve sets how the worker goes about it from now on, and returns how it did.
// Called inside a Task, it leaves the batch of that to the garbage collector: its
// call will look at it again. Only the worker may call it.
func (q *Inbox) Serve(s Service) (before Service) {
	if s.Nested && q.running != nil {
		q.running.kept = true
	}
	before = q.service
	s.Single = s.Single || q.single
	q.service = s
	return before
}

// Next takes the oldest Task out, waiting until there is one. It returns nil and
// end once the Inbox is closed and empty, and nil alone when the time has come
// that WakeAt gave; with yields only if no Task is queued. after says how the last
// Task ended, slept that the worker slept. Only the worker may call it.
func (q *Inbox) Next(after After, yields bool) (t *Task, slept, end bool) {
	for {
		var due bool
		if t, due, end = q.Try(yields); t != nil || due || end {
			return t, slept, end
		}
		yields = false
		if q.due() || q.watch(after) {
			continue
		}
		q.pool.shed()
		from := q.pace.sleep(&q.vigil, after)
		if until := q.until.Load(); q.doze(until) {
			q.wait(until)
			q.pace.wake(&q.vigil, after, from)
			slept, after = true, Seen
		}
	}
}

// Try is Next that does not wait. due says that the time has come that WakeAt
// gave. Only the worker may call it.
func (q *Inbox) Try(yields bool) (t *Task, due, end bool) {
	for {
		if !yields && q.due() {
			return nil, true, false
		}
		if t = q.rest(); t != nil {
			return t, false, false
		}
		q.mu.Lock()
		q.finish()
		t = q.pop()
		end = t == nil && q.head.Load() == closed && !q.due()
		if t != nil && t.batch != nil {
			q.begin(t)
			q.mu.Unlock()
			continue
		}
		q.mu.Unlock()
		return t, false, end
	}
}

// Pending reports whether Try would find something. Only the worker may call it.
func (q *Inbox) Pending() bool {
	if q.due() || q.rest() != nil {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch q.head.Load() {
	case nil, asleep, closed:
		return q.first != nil || q.offered()
	}
	return true
}

// doze marks the worker asleep. It reports whether the bell will be rung; if not,
// there is something to look at. Only the worker may call it.
//
// Either asleep comes first and Put or Close sees it and rings, or they were
// first and what came in is seen here: on head, in a lane or, if a Cancel has
// taken it over meanwhile, on the list. So it is with WakeAt and until.
func (q *Inbox) doze(until int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first != nil || !q.head.CompareAndSwap(nil, asleep) {
		return false
	}
	return !q.offered() && q.until.Load() == until || !q.head.CompareAndSwap(asleep, nil)
}

// wait sleeps until the bell rings or until has come. Only the worker may call
// it, after doze.
func (q *Inbox) wait(until int64) {
	if until == Never {
		q.bell.Wait()
	} else if !q.bell.WaitUntil(&q.alarm, until) && !q.head.CompareAndSwap(asleep, nil) {
		q.bell.Wait() // whoever was quicker rings
	}
}

// pop takes the oldest Task out, or returns nil. The caller holds mu.
func (q *Inbox) pop() *Task {
	if q.first == nil {
		t, lane := q.grab()
		switch {
		case t == nil && !lane:
			return nil
		case t == nil: // alone, and never on the list
			return q.receive()
		case t.next == nil && !lane: // likewise
			q.uncount(t)
			return t
		}
		q.accept(t, lane)
	}
	t := q.first
	q.remove(t)
	return t
}

// Close refuses all further Tasks. Those queued stay. It reports whether it was
// the first.
func (q *Inbox) Close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch h := q.head.Swap(closed); h {
	case closed:
		return false
	case asleep:
		q.bell.Ring()
	case nil:
	default:
		q.take(h)
	}
	return true
}

// Closed reports whether Close was called.
func (q *Inbox) Closed() bool { return q.head.Load() == closed }

// Drop takes out everything that is queued, oldest first, and finishes it as
// Dropped with err. It returns how many there were, but for the Thread's own.
func (q *Inbox) Drop(err error) int {
	q.mu.Lock()
	n := 0
	if q.running != nil {
		n = q.running.clear()
	}
	q.flush()
	t := q.first
	q.first, q.last = nil, nil
	for d := t; d != nil; d = d.next {
		d.prev, d.queued = nil, false
		q.uncount(d)
		if d.batch != nil {
			n += q.posts.discard(d)
		}
	}
	q.mu.Unlock()
	for t != nil {
		next := t.next
		t.next = nil
		if t.batch == nil {
			if !t.Own {
				n++
			}
			t.Finish(Dropped, err) // t is its waiter's now
		}
		t = next
	}
	return n
}
