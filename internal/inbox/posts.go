package inbox

import "github.com/ste-go/ste/internal/prim"

// A batch is what a Task has that stands for a run of posted closures.
//
// A closure that nobody waits for needs nothing but its place in the order, so
// it does not get a Task of its own: it is added to the batch that was queued
// last, as long as the worker has not come to that. A Task for each costs a
// cache line that travels to the worker and back, and was five times slower.
type batch struct {
	// fs are the closures; in posts while the batch is open. Then it belongs to
	// the worker, and to Drop from the first closure that Drop claims.
	fs []func()

	// The worker's.
	chunk  int32 // how many of fs one run calls
	inCall bool  // a call of it waits for closures that came later, and is not over

	// claimed is how many of fs have been claimed, by the worker one by one and
	// by Drop all at once; it may pass len(fs). Whoever moves it past i owns fs[i].
	// Back to 0 by finish, under mu.
	claimed prim.Count

	until *prim.Count // the Inbox's; immutable

	// To the end of the line: one batch is filled while another is run; TestLayout.
	_ [line - 48]byte
}

// Chunk is how many closures of a batch Next hands out as one Task, at most.
const Chunk = 15

// call is the closure of a batch's Task. A closure of it that panics or calls
// runtime.Goexit ends call, and Next hands out the rest.
func (b *batch) call() {
	for range b.chunk {
		i := int(b.claimed.Add(1)) - 1
		if i >= len(b.fs) {
			return
		}
		f := b.fs[i]
		b.fs[i] = nil
		f()
		if b.until.Load() != prim.Never {
			return // a timer may be due
		}
	}
}

// batchMost is how many closures a batch holds at most, 8 KiB of them. It is
// large enough that beginning a batch costs nothing for each of them, and small
// enough that the one batch kept for later does not matter.
const batchMost = 1024

// posts are an Inbox's batches.
type posts struct {
	mu prim.Mutex
	// Guarded by mu.
	open *Task    // queued, and the worker has not come to it; nil if there is none
	fs   []func() // of open; here because all posters have this line anyway
}

// Post queues f for nobody. It does not count: an Inbox with a limit must not be given
// closures by Post; see Limited.
func (q *Inbox) Post(f func()) Verdict {
	p := &q.posts
	p.mu.Lock()
	if q.head.Load() == closed {
		p.mu.Unlock()
		return Closed
	}
	if p.open != nil && len(p.fs) < batchMost { // it was accepted, and is not sealed yet (T6)
		p.fs = append(p.fs, f)
		p.mu.Unlock()
		return Accepted
	}
	p.seal()
	t := q.free[0].Swap(nil)
	if t == nil {
		t = q.free[1].Swap(nil)
	}
	if t == nil {
		t = &Task{batch: &batch{until: &q.until}, Posted: true}
		t.run = t.batch.call
	}
	did := q.push(t)
	if did != pushedRefused {
		p.open, p.fs = t, append(t.fs, f)
	}
	p.mu.Unlock()
	return q.answer(did)
}

// pushSealed is push for a Task beside the batches: what is posted after it goes
// to a batch behind it. In one step, or another poster's batch could come in
// before t and the next post of t's sender join that.
func (q *Inbox) pushSealed(t *Task) pushed {
	q.posts.mu.Lock()
	defer q.posts.mu.Unlock()
	q.posts.seal()
	return q.push(t)
}

// sealIf ends the adding to t, if that is the open batch.
func (p *posts) sealIf(t *Task) {
	p.mu.Lock()
	if p.open == t {
		p.seal()
	}
	p.mu.Unlock()
}

// seal ends the adding to the open batch. The caller holds p.mu.
func (p *posts) seal() {
	if p.open != nil {
		p.open.fs = p.fs
		p.open, p.fs = nil, nil
	}
}

// unfinished returns the batch that runs if there is something left of it. The worker
// calls it.
func (q *Inbox) unfinished() *Task {
	t := q.running
	if t == nil || t.claimed.Load() >= int64(len(t.fs)) {
		return nil
	}
	// In a bubble only the worker itself may drop what is queued, in between; and
	// with timers no more than one closure may come before them.
	t.chunk = Chunk
	if q.service.Single || q.bubble != 0 || q.until.Load() != prim.Never {
		t.chunk = 1
	}
	return t
}

// finish ends the batch that runs, of which nothing is left. The worker calls it,
// under mu.
func (q *Inbox) finish() {
	t := q.running
	if t == nil {
		return
	}
	q.running = nil
	if t.inCall {
		return
	}
	t.fs = t.fs[:0]
	t.claimed.Store(0)
	if !q.free[0].CompareAndSwap(nil, t) {
		q.free[1].CompareAndSwap(nil, t)
	}
}

// clear claims what is left of a batch that is open no more, and returns how many
// closures that were.
func (b *batch) clear() int {
	n := len(b.fs)
	from := min(int(b.claimed.Swap(int64(n))), n)
	clear(b.fs[from:]) // the worker may be in a task that never ends (T7)
	return n - from
}
