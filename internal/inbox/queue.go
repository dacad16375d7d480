package inbox

// A Verdict is Put's answer.
type Verdict uint8

const (
	Accepted Verdict = iota
	Closed           // Close was called before
	Full             // the limit of counted Tasks is reached
)

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
	var did pushed
	posted := t.Posted // later t may be another submitter's
	switch {
	case posted:
		t.run = run
		did = q.pushSealed(t)
	case t.lane != nil:
		t.start(&q.pace)
		did = q.offer(t.lane, run)
	default:
		t.run = run
		t.start(&q.pace)
		did = q.push(t)
	}
	switch did {
	case pushedRefused:
		q.uncount(t)
	case pushedWake:
		if !posted {
			t.woke = true
		}
	}
	return q.answer(did)
}

// pushed is what push and offer say.
type pushed uint8

const (
	pushedDone    pushed = iota
	pushedWake           // done, and the caller must ring: see answer
	pushedRefused        // the Inbox is closed
)

// answer rings if p says so, and translates p for the submitter.
func (q *Inbox) answer(p pushed) Verdict {
	switch p {
	case pushedRefused:
		return Closed
	case pushedWake:
		q.bell.Ring()
	}
	return Accepted
}

// push puts t on head. If it succeeds t may be anyone's when push returns.
func (q *Inbox) push(t *Task) pushed {
	// T6: one word says accepted or closed, so nothing is accepted that nobody will run.
	// The quick case without a look: that would fetch the line once more.
	t.next = nil
	if q.head.CompareAndSwap(nil, t) {
		return pushedDone
	}
	for {
		switch h := q.head.Load(); h {
		case closed:
			t.next = nil
			return pushedRefused
		case asleep:
			t.next = nil
			if q.head.CompareAndSwap(asleep, t) {
				return pushedWake
			}
		default:
			t.next = h
			if q.head.CompareAndSwap(h, t) {
				return pushedDone
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
		q.enlist(newest)
	}
	if lane {
		t := q.receive()
		t.next = nil
		q.enlist(t)
	}
}

// enlist appends a chain that came from head. The caller holds mu.
func (q *Inbox) enlist(newest *Task) {
	// T3: oldest first. The walk begins with the newest and turns the chain round.
	var oldest *Task // so far
	for t := newest; t != nil; {
		next := t.next
		t.next, t.queued = oldest, true
		if oldest != nil {
			oldest.prev = t
		}
		t, oldest = next, t
	}
	if q.last == nil {
		q.first = oldest
	} else {
		q.last.next, oldest.prev = oldest, q.last
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
	// Nobody would run a late offer to a closed Inbox, see Gather.
	if t.lane != nil || q.head.Load() != closed {
		q.flush()
	}
	// T12: only what is still queued; the worker takes Tasks under the same lock.
	if !t.queued {
		return false
	}
	q.remove(t)
	t.endWait()
	return true
}

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
			q.posts.sealIf(d)
			n += d.clear()
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
