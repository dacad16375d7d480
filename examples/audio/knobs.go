package main

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/ste-go/ste"
)

// A desk is the user interface: hands that turn the knobs, each on a goroutine
// of its own. No hand ever touches the chain. It hands the Thread a closure that
// does, and either waits for it (Submit) or not (Post).
type desk struct {
	thread *ste.Thread
	chain  *ste.Tagged[chain]
	bar    *bar

	submits, posts atomic.Int64 // how many the Thread has accepted
}

// A hand moves one knob, over and over.
type hand struct {
	every time.Duration // of sound, between two moves
	move  func(at time.Duration) error
}

// hands returns all there are. Together they make some 330 moves per second of
// sound, in real time and otherwise.
func (d *desk) hands() []hand {
	return []hand{
		{10 * time.Millisecond, d.fader()},
		{1200 * time.Millisecond, d.echoButton},
		{8 * time.Millisecond, d.balanceKnob},
		{12 * time.Millisecond, d.speedKnob},
		{33 * time.Millisecond, d.meter},
	}
}

// work moves the hand until ctx ends, which is no error.
func (h hand) work(ctx context.Context, c *clock) error {
	for at := h.every; c.wait(ctx, at); at += h.every {
		if err := h.move(at); err != nil {
			return err
		}
	}
	return nil
}

// fader returns a move that slides the volume down and up by small steps. A
// step starts from where the fader is, and the hand turns round where it finds
// the fader at an end: it has to read what it wrote, so it waits.
func (d *desk) fader() func(time.Duration) error {
	const quiet, loud = -2.0, 0.0
	step := -0.02
	return func(time.Duration) error {
		var now float64
		err := d.submit(func() {
			k := &d.chain.Ptr().knobs
			k.volume = min(loud, max(quiet, k.volume+step))
			now = k.volume
		})
		if now == quiet || now == loud {
			step = -step
		}
		return err
	}
}

// echoButton is pressed now and then, and turns the echo on or off: whichever
// it is not. The task reads and writes in one piece, no other can come between.
func (d *desk) echoButton(time.Duration) error {
	return d.submit(func() {
		k := &d.chain.Ptr().knobs
		if k.echo == 0 {
			k.echo = 0.6
		} else {
			k.echo = 0
		}
	})
}

// balanceKnob swings from side to side in four seconds. A knob that knows its
// position needs no answer: it posts.
func (d *desk) balanceKnob(at time.Duration) error {
	v := 0.9 * math.Sin(2*math.Pi*at.Seconds()/4)
	return d.post(func() { d.chain.Ptr().knobs.balance = v })
}

// speedKnob makes the tape waver by about a semitone.
func (d *desk) speedKnob(at time.Duration) error {
	v := 1 + 0.05*math.Sin(2*math.Pi*at.Seconds()/1.25)
	return d.post(func() { d.chain.Ptr().knobs.speed = v })
}

// meter shows the level and how far the sound has come. Call is Submit for a
// closure with a result.
func (d *desk) meter(at time.Duration) error {
	level, err := ste.Call(d.thread, func() (float64, error) {
		return d.chain.Ptr().takePeak(), nil
	})
	if err == nil {
		d.submits.Add(1)
		d.bar.show(at, level)
	}
	return err
}

func (d *desk) submit(f func()) error {
	err := d.thread.Submit(f)
	if err == nil {
		d.submits.Add(1)
	}
	return err
}

// post drops the move when the queue is full: the next one will do.
func (d *desk) post(f func()) error {
	err := d.thread.Post(f)
	if errors.Is(err, ste.ErrQueueFull) {
		return nil
	}
	if err == nil {
		d.posts.Add(1)
	}
	return err
}
