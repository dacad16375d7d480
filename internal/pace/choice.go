package pace

// The constants of this package were measured on a 2-core x86-64 virtual machine, Go 1.26.
const (
	// warm is how many calls in the plain way are measured before the other one is tried,
	// again how many before it is gone back to when the plain one was measured again, and
	// later after it was lost.
	warm  = 8
	again = 4
	later = 32
	// dear (ns) is the most that a call counts for in the plain way: who sleeps needs no
	// longer, and what takes longer for another reason is quicker in neither way.
	dear = 200e3
	// After a trial that was lost there is none for restTimes its length, twice that for
	// each loss in a row, at most restMost (ns). While the quick way wins, the plain one is
	// measured again after restQuick (ns).
	restTimes = 16
	restMost  = 4e9
	restQuick = 1e9
	// trial is how many calls' allowance the quick way may use up in advance, and headStart
	// (ns) what it may besides, for the first of a burst wakes a processor.
	trial     = 24
	headStart = 200e3
)

// A choice is between the plain way to wait, to sleep at once, and a quick one, which takes
// processor time.
//
// The quick way must save a tenth of what calls cost in the plain one. It begins with a
// budget, each call adds to that what it may cost, and what it has cost is taken from it.
// When nothing is left, the plain way is in force again. More than the budget of the
// beginning is never kept, so a pattern that does not pay any more is seen within some
// calls.
//
// The zero choice is the plain way, of which nothing is known. Times in ns.
type choice struct {
	quick  bool  // what is in force
	fails  uint8 // trials lost in a row
	need   int32 // how many calls are wanting before the other way may be tried
	cost   int64 // of a call in the plain way, smoothed; 0 before it is known
	budget int64
	began  int64 // when the trial of the quick way began; 0 since it has paid
	next   int64 // when the other way is to be tried
}

// plain takes what a call has cost in the plain way. It reports whether to try the quick one.
func (c *choice) plain(took, now int64) bool {
	took = min(took, dear)
	switch {
	case c.cost == 0:
		c.need = warm
		c.cost = took
	case c.next == 0 && c.need == warm-1: // the first one may be slow
		c.cost = min(c.cost, took)
	default:
		c.cost += (took - c.cost) / 8
	}
	if c.need > 0 {
		c.need--
	}
	return c.need == 0 && now >= c.next
}

// begin puts the quick way in force.
func (c *choice) begin(now int64) {
	c.quick, c.need, c.budget, c.began, c.next = true, trial, c.most(), now, now+restQuick
}

// most is the largest budget.
func (c *choice) most() int64 { return headStart + trial*c.allowance() }

// allowance is what a call in the quick way may cost.
func (c *choice) allowance() int64 { return c.cost * 9 / 10 }

// pay takes what some calls have cost in the quick way, or the spinning after them. If that
// does not pay, or the plain way is to be measured again, that is in force.
func (c *choice) pay(calls, took, now int64) {
	c.budget = min(c.budget+calls*c.allowance()-took, c.most())
	c.need -= int32(calls)
	switch {
	case c.budget < 0:
		c.quick, c.need, c.next = false, later, now
		if c.began != 0 {
			rest := min(now-c.began, restMost) * restTimes // may have been interrupted for days
			c.next += min(rest<<c.fails, restMost)
			c.fails = min(c.fails+1, 20)
		}
	case c.need <= 0 && c.budget > c.most()/2:
		c.need, c.began, c.fails = trial, 0, 0
		if now >= c.next {
			c.quick, c.need = false, again
		}
	}
}
