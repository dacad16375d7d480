// Package inbox is the hand-off between the goroutines that give a Thread work
// and the one that does it: a queue, the sleep of the worker, the wait of the
// caller. For how long either side spins before is package pace's to say.
//
// A waiting caller's Task comes in by one compare-and-swap of head and without a
// lock, a lone caller's closure by a store into a hand (lane), what nobody waits
// for under the posters' own lock (posts). The worker takes over what has come in,
// into a list under mu, which the rare calls use too: Cancel, Drop, Close, Gather,
// Pending and the end of an offer to an Inbox that is closed meanwhile. That keeps
// three things simple which a queue without any lock makes hard: a cancelled Task
// leaves the middle of the queue at once, also behind a Task that never ends;
// accepting work and closing are one decision; and a Task leaves in exactly one of
// three ways: to the worker (Next, Try), Cancel, Drop.
//
// The words that are no standard terms:
//
//	lane    the way of a lone caller's closures, beside the queue
//	hand    where such a closure lies from Put to its end; a lane has two
//	batch   a run of posted closures that is one Task; sealed when no more are added
//	bell    what either side sleeps on; one ring is remembered (prim.Bell)
//	gate    a locked mutex in place of a bell, for who waits in a synctest bubble
//	doze    to mark the worker asleep, and to look once more before it sleeps
//	shed    to leave free Tasks to the garbage collector
package inbox

import (
	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/prim"
)

// An Inbox is a queue of Tasks with many producers and one worker. Make it with
// New.
//
// Its parts lie on cache lines of their own by who writes them: hardly anyone,
// everyone, the worker, the submitters.
type Inbox struct {
	limit  int64  // most counted Tasks queued at once, 0 for any; immutable
	bubble uint32 // the synctest bubble it was made in, 0 for none; immutable
	bell   prim.Bell
	pace   pace.Pace
	alarm  prim.Alarm // the worker's
	// lane is nil until there is a caller. Set once, in lone, by the caller that
	// holds pool.busy; read by everyone. Publishes the lane.
	lane prim.Pointer[lane]

	// head is the newest Task that has come in; next leads from there to the
	// older ones. nil if none has, asleep if none has and the worker sleeps or is
	// about to, closed for ever after Close.
	//
	//	nil, asleep or a Task -> a new Task   push (Put, Post)
	//	nil -> asleep                         worker, in doze, under mu
	//	asleep -> nil                         offer; WakeAt
	//	asleep -> nil                         worker: doze under mu; sleep without,
	//	                                      when its time has come
	//	a Task -> nil                         grab, under mu
	//	anything -> closed                    Close, under mu, once
	//
	// push's exchange publishes the Task; whoever but the worker replaces asleep
	// rings the bell.
	head  prim.Pointer[Task]
	posts posts // beside head, which each Post reads
	// counted is how many counted Tasks are queued. Put adds before it queues, and
	// who takes a Task out subtracts after. Unused without a limit.
	counted prim.Count
	_       [line - 56]byte // the worker's line begins here; TestLayout

	mu prim.Mutex
	// Guarded by mu: what flush has taken over, oldest first.
	first, last *Task
	handTaken   uint8 // which of the lane's hands was taken over last
	// The worker's own.
	waiting pace.Worker
	service Service
	// running is the batch that the worker has come to. Written by the worker
	// under mu; read by it and, under mu, by Drop.
	running *Task
	// free are empty batches or nil.
	//
	//	nil -> batch   finish, under mu, publishing its empty fs
	//	batch -> nil   Post, under posts.mu
	free [2]prim.Pointer[Task]
	// until is when the worker has something to do though nothing comes in, on
	// prim's clock. Written by WakeAt; read by the worker, again after it has
	// marked itself asleep.
	until prim.Count

	pool  pool
	turns pace.Turns
}

// line is the size of a cache line: 64 on amd64 and most arm64; on Apple's, 128, two
// parts share a line: slower, not wrong.
const line = 64

// Marks of Inbox.head.
var asleep, closed = new(Task), new(Task)

// A Config is what New needs to know.
type Config struct {
	Limit  int       // most counted Tasks queued at one time, 0 for any number
	Bubble uint32    // the synctest bubble it is made in, 0 for none
	Wait   pace.Wait // how the two sides wait for each other
	Single bool      // of the Service it begins with
}

// New makes an Inbox.
func New(c Config) *Inbox {
	q := &Inbox{limit: int64(c.Limit), bubble: c.Bubble, bell: prim.NewBell()}
	q.service.Single = c.Single
	if c.Bubble != 0 {
		c.Wait = pace.Park // a bubble's clock stands still while somebody spins
	}
	q.pace.Init(c.Wait)
	q.until.Store(prim.Never)
	return q
}

// Bubble returns the number of the synctest bubble in which it was made, or 0.
func (q *Inbox) Bubble() uint32 { return q.bubble }

// Limited reports whether counted Tasks are limited.
func (q *Inbox) Limited() bool { return q.limit > 0 }

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
		q.enlist(h)
	}
	return true
}

// Closed reports whether Close was called.
func (q *Inbox) Closed() bool { return q.head.Load() == closed }
