package main

import (
	"context"
	"sync"
	"time"
)

// A clock tells how much of the sound has passed. In real time that is the time
// since the start; otherwise it is the length of the blocks made so far, and
// whoever waits for a time in the sound gets there as quick as the worker does.
type clock struct {
	start time.Time
	fast  bool

	mu      sync.Mutex
	made    time.Duration // guarded by mu; unused in real time
	advance chan struct{} // guarded by mu; closed when made grows
}

func newClock(fast bool) *clock {
	return &clock{start: time.Now(), fast: fast, advance: make(chan struct{})}
}

// wait returns true when the sound has reached at, and false when ctx has ended
// before.
func (c *clock) wait(ctx context.Context, at time.Duration) bool {
	for ctx.Err() == nil {
		var due <-chan time.Time
		var advance <-chan struct{}
		if c.fast {
			c.mu.Lock()
			if c.made >= at {
				c.mu.Unlock()
				return true
			}
			advance = c.advance
			c.mu.Unlock()
		} else {
			left := time.Until(c.start.Add(at))
			if left <= 0 {
				return true
			}
			due = time.After(left)
		}
		select {
		case <-due:
		case <-advance:
		case <-ctx.Done():
		}
	}
	return false
}

// doze is how long before its time waitSharp leaves Go's timers for a nap.
const doze = 2 * time.Millisecond

// waitSharp is wait that is not as late as Go's timers may be, so that what the
// report says is about the Thread and not about them.
func (c *clock) waitSharp(ctx context.Context, at time.Duration) bool {
	if c.fast {
		return c.wait(ctx, at)
	}
	if !c.wait(ctx, at-doze) {
		return false
	}
	nap(c.start.Add(at))
	return true
}

// reach tells the clock that the sound was made up to at.
func (c *clock) reach(at time.Duration) {
	if !c.fast {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = at
	close(c.advance)
	c.advance = make(chan struct{})
}
