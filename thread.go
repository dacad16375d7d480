package ste

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"weak"

	"github.com/ste-go/ste/internal/bubble"
	"github.com/ste-go/ste/internal/inbox"
	"github.com/ste-go/ste/internal/opaque"
	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/prim"
	"github.com/ste-go/ste/internal/timers"
	"github.com/ste-go/ste/internal/who"
)

// A Thread is an executor: one goroutine locked to one OS thread, which runs
// the closures it is given one at a time and in order.
//
// Make a Thread with New and end it with Close or Shutdown; the methods of the
// zero Thread panic. All methods may be called from any goroutine at any time,
// also from the Thread's own tasks. A Thread must not be copied; a copy stops
// working when the original is collected.
//
// Submitting or posting a closure happens before the closure starts, and its
// end happens before the call that waited for it returns. Everything a Thread
// ran happens before Close returns and before the channel of Done is closed.
//
// An idle Thread uses no CPU time (WaitSpin aside). It holds one OS thread and two
// goroutines, some 60 KiB in all on Linux.
//
// A Thread that becomes unreachable is closed by the runtime: its queue is drained,
// its teardowns run. A call in progress, a pending timer and a Bound keep it
// reachable. A hook or waker that refers to the Thread, even through a struct that
// holds it, keeps it for ever. A Tag, a Tagged or a Local does not. Do not count on it
// for anything but tidiness; in a testing/synctest bubble it does not happen.
type Thread struct {
	_    noCopy
	core opaque.Ref[core]
}

// core is the Thread without the handle that users hold: the running goroutine
// refers to the core only, so that a handle nobody holds can be noticed (T14).
type core struct {
	id     *who.ID
	inbox  *inbox.Inbox
	extras *extras       // immutable
	waker  *waker        // immutable; nil if there is none
	ready  chan struct{} // closed by the Thread when all inits have succeeded; nil if New does not wait
	done   chan struct{} // closed by the last code the Thread runs

	// The Thread's.
	worker *worker
	owns   *owns // nil until there is something

	// life is how far the Thread has come: see the constants. Written by the Thread only;
	// read by it, by the ring check, by New and by the cleanup of a forgotten Thread.
	life prim.Word

	// hearer says who hears the error of the hooks.
	//
	//	nobodyYet -> taken       New, Close and Shutdown, which return it
	//	nobodyYet -> nobodyEver  the cleanup of the handle, when nobody can ask any more
	//	nobodyEver -> taken      reportUnheard, which reports it
	hearer prim.Word

	// doomed says that the Thread, which is in a bubble, must itself drop what is queued,
	// as soon as the task that runs has ended. False to true by whoever ends the ctx of a
	// Shutdown; read by the Thread before each task.
	doomed prim.Flag

	mu   prim.Mutex
	rare *rare // guarded by mu; nil until there is something
}

// rare is what few Threads need. All of it but errs is guarded by core.mu.
type rare struct {
	unclaimed map[*claim]struct{} // panics of Async tasks that no Wait has taken
	undo      []func() bool       // stop what Shutdowns that did not wait have set up
	timers    timers.Heap[*timer]
	errs      []error // of hooks; the Thread's
	err       error   // of all of them; written by the Thread before life says over
}

// seldom returns what few Threads need. The caller holds mu.
func (c *core) seldom() *rare {
	if c.rare == nil {
		c.rare = new(rare)
	}
	return c.rare
}

// The stations of core.life: starting, then serving and drained (closed, and nothing is
// queued), or failed or exited by an init; at last the same with over.
const (
	starting uint32 = iota
	failed
	exited // failed by runtime.Goexit
	serving
	drained
	over = 1 << 4
)

// The states of core.hearer.
const (
	nobodyYet uint32 = iota
	nobodyEver
	taken
)

// outcome returns the errors of the hooks, once the Thread has ended.
func (c *core) outcome() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rare == nil {
		return nil
	}
	return c.rare.err
}

// reaches is a wait for a Thread to be serving, or over.
type reaches struct {
	c       *core
	station uint32
}

func (r reaches) Over() bool { return r.c.life.Load() >= r.station }

// New starts a Thread. It returns when the Thread's inits have run; if one fails
// there is no Thread and New returns the error, joined with those of the
// teardowns that ran. New also fails when an option is out of range. The Thread never
// settles on the process's startup thread; docs/systems.md names the systems where it may.
//
// New costs the start of an OS thread, some tens of microseconds, and waits for
// it only if there are inits.
func New(opts ...Option) (*Thread, error) {
	t, c, err := newThread("New", opts)
	if err != nil {
		return nil, err
	}
	if c.inbox.Bubble == 0 && !prim.Exploring {
		// T14: nobody holds t any more. Cleanups run outside of bubbles and may not touch
		// what was made inside.
		runtime.AddCleanup(t, (*core).forget, c)
	}
	if !slices.ContainsFunc(c.extras.hooks, func(h hook) bool { return !h.teardown }) {
		prim.Go("Thread", c.worker.start) // nothing can fail, so nobody needs to wait for it
		return t, nil
	}
	c.ready = make(chan struct{})
	from := who.Current()
	_ = enterWait(from, c.id, reaches{c, serving}) // no ring: the new Thread waits for nobody yet
	defer who.Leave(from)
	prim.Go("Thread", c.worker.start)
	if prim.AwaitEither(c.ready, c.done) || prim.Closed(c.ready) {
		return t, nil // also if an init has closed the Thread: it was made all the same
	}
	c.hearer.Store(taken)
	if c.life.Load() == exited|over {
		c.report(c.outcome())
		runtime.Goexit()
	}
	runtime.KeepAlive(t)
	return nil, c.outcome()
}

// newThread makes what New and Attach return or hand out, and does not start it.
func newThread(call string, opts []Option) (*Thread, *core, error) {
	cfg, err := configure(call, opts)
	if err != nil {
		return nil, nil, err
	}
	id, err := who.New(cfg.name)
	if err != nil {
		return nil, nil, err
	}
	c := &core{
		id: id,
		inbox: inbox.New(inbox.Config{
			Limit: cfg.limit, Bubble: bubble.Number(), Wait: pace.Wait(cfg.wait), Single: cfg.waker != nil,
		}),
		extras: &plain,
		done:   make(chan struct{}),
	}
	if cfg.hooks != nil || cfg.handler != nil {
		c.extras = &cfg.extras
	}
	if cfg.waker != nil {
		c.waker = newWaker(c, cfg.waker)
	}
	c.worker = &worker{core: c}
	id.Home = c
	t := &Thread{core: opaque.To(c)}
	id.Thread = weak.Make(t)
	return t, c, nil
}

// must returns the core, or panics for a nil or zero Thread (T8).
func (t *Thread) must(call string) *core {
	if t == nil || t.core.Get() == nil {
		panic(unusable(call, t == nil, "Thread", "New"))
	}
	return t.core.Get()
}

// OnThread reports whether the calling code is on the Thread: in a task or hook,
// in what they call, in a cgo callback made from there, in the body of an
// iter.Pull that they run. A goroutine that a task starts is not on the Thread.
func (t *Thread) OnThread() bool { return t.must("OnThread").id.OnThread() }

// Tag returns the Thread's identity.
func (t *Thread) Tag() Tag { return tagOf(t.must("Tag").id) }

// Done returns a channel that is closed by the last code the Thread runs, after
// its teardowns. The OS thread ends right after (that of an attached Thread goes on);
// Go gives no sign of that.
func (t *Thread) Done() <-chan struct{} { return t.must("Done").done }

// Closed reports whether the Thread accepts no more work, since Close or Shutdown
// was called or it was forgotten; what it had accepted may still run. A loop that
// calls RunPending asks, to know when to end. A Post would say so too, but is work
// itself, and calls the waker.
func (t *Thread) Closed() bool { return t.must("Closed").inbox.Closed() }

// Close ends the Thread: it accepts no more work, drops the timers that are not due,
// runs all it had accepted, closes the Bounds and the values of Locals that are left,
// newest first, runs the teardowns, also newest first, and ends its OS thread (that of
// an attached Thread goes on). Close waits for that and returns the errors of those
// closes and teardowns, joined, a panic as *PanicError.
//
// Close may be called often and from anywhere; every call waits and returns the same.
// In two cases Close does not wait: on the Thread itself Close starts the closing and
// returns nil, and where the wait would close a ring of Threads it starts the closing
// and returns an error that wraps ErrDeadlock.
func (t *Thread) Close() error {
	t.must("Close")
	return t.shutdown(context.Background())
}

// Shutdown is Close with a limit: when ctx ends first, queued work is dropped
// (its waiters get ErrClosed) and Shutdown returns at once, with an error that
// wraps the context's cause and tells the number of tasks dropped. That number
// is all that is heard of dropped Posts. A task that is running then runs on, its
// waiter goes on waiting, the teardowns follow; Done tells when all is over.
//
// In the two cases in which Close does not wait Shutdown does not either; ctx still
// limits how long the queue is drained.
func (t *Thread) Shutdown(ctx context.Context) error {
	t.must("Shutdown")
	need(ctx != nil, "Shutdown", "context")
	return t.shutdown(ctx)
}

// shutdown is Shutdown, and with a ctx that never ends Close.
func (t *Thread) shutdown(ctx context.Context) error {
	c := t.core.Get()
	c.close()
	from := who.Current()
	if from == c.id {
		c.dropWhenDone(ctx)
		return nil
	}
	if ctx.Err() == nil { // with an ended ctx there is no wait
		if err := enterWait(from, c.id, reaches{c, over}); err != nil {
			c.dropWhenDone(ctx)
			return err
		}
		defer who.Leave(from)
	}
	if !prim.AwaitEither(c.done, ctx.Done()) && !prim.Closed(c.done) { // a finished Thread wins over an ended ctx
		n := c.drop()
		return fmt.Errorf("ste: Shutdown of %v: limit reached, queued tasks dropped: %d; a running task goes on (see Done): %w",
			tagOf(c.id), n, cause(ctx))
	}
	c.hearer.Store(taken)
	runtime.KeepAlive(t) // else the cleanup might tell the error as well
	return c.outcome()
}

// close accepts no more work, and drops the timers that are not due.
func (c *core) close() {
	c.inbox.Close()
	if c.inbox.Bubble != 0 || !bubble.Here() { // else the Thread does, by its own clock
		c.dropTimers(prim.Now())
	}
	c.waker.wake()
}

// drop drops all that waits for its turn and returns how many tasks that were.
func (c *core) drop() int {
	n := c.inbox.Drop(ErrClosed)
	c.dropTimers(math.MinInt64)
	return n
}

// dropWhenDone drops what is still queued when ctx ends, for a Shutdown that does not
// wait.
func (c *core) dropWhenDone(ctx context.Context) {
	if ctx.Err() != nil {
		c.drop()
		return
	}
	if ctx.Done() == nil {
		return // it never ends
	}
	limit := func() { c.drop() }
	if c.inbox.Bubble != 0 { // whoever ends ctx may be outside of the bubble
		limit = func() { c.doomed.Store(true) }
	}
	stop := prim.AfterFunc(spoken{ctx}, limit)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.seldom(); c.id.Ended() { // meanwhile: finish has been here
		prim.Go("stop", func() { stop() })
	} else {
		r.undo = append(r.undo, stop)
	}
}

// spoken is a Context that says why it has ended. Somebody's own may not, and the
// context package ends the process over that.
type spoken struct{ context.Context }

func (s spoken) Err() error {
	err := s.Context.Err()
	if err == nil && prim.Closed(s.Done()) {
		err = cause(s.Context)
	}
	return err
}

// forget is the cleanup of a Thread whose handle became unreachable. It runs on
// a goroutine of the runtime and must not wait.
func (c *core) forget() {
	c.hearer.CompareAndSwap(nobodyYet, nobodyEver)
	c.close()
	if c.life.Load() >= over && c.outcome() != nil {
		go c.reportUnheard() // to slog, perhaps, which may wait
	}
}

// reportUnheard reports the error of an ended Thread that nobody can ask any more. The Thread
// calls it at its end and the cleanup when the Thread had ended before; each has said its
// part first, so at least one sees both.
func (c *core) reportUnheard() {
	if c.hearer.CompareAndSwap(nobodyEver, taken) {
		c.report(c.outcome())
	}
}
