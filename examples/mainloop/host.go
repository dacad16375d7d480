//go:build linux

package main

import (
	"errors"
	"time"

	"github.com/ste-go/ste"
	"golang.org/x/sys/unix"
)

// A window is the state of the toolkit. It has no lock: only the loop's thread may
// touch it.
type window struct {
	text   string // typed so far
	frames int    // drawn
	edits  int    // by tasks of others
}

// A host is a toolkit whose loop is a Thread, without giving up its loop.
type host struct {
	kit    *toolkit
	poll   time.Duration // how long it sleeps at most; 0 is without end, for it has a waker
	strip  *strip        // what the loop did; the loop's until that has ended
	thread *ste.Thread
	window *ste.Tagged[window]
	gone   chan error // gets what Attach has returned

	// The loop's, until that has ended.
	rounds int
	told   []error // by the error handler
}

// startHost starts a loop on a goroutine of its own; in most programs that is main.
func startHost(name string, poll time.Duration, s *strip) (*host, error) {
	kit, err := openToolkit()
	if err != nil {
		return nil, err
	}
	h := &host{kit: kit, poll: poll, strip: s, gone: make(chan error, 1)}
	opts := []ste.Option{
		ste.WithName(name),
		ste.WithErrorHandler(func(err error) { h.told = append(h.told, err) }),
	}
	if poll == 0 {
		opts = append(opts, ste.WithWaker(kit.wake))
	}
	begun := make(chan struct{})
	go func() {
		err := ste.Attach(func(t *ste.Thread) error {
			h.thread, h.window = t, ste.NewTagged(window{})
			close(begun)
			return h.loop(t)
		}, opts...)
		h.gone <- errors.Join(err, kit.close()) // nobody calls the waker any more
	}()
	select {
	case <-begun:
		return h, nil
	case err := <-h.gone:
		return nil, err
	}
}

// loop is the toolkit's own loop; what makes it a Thread's is below the blank line.
func (h *host) loop(t *ste.Thread) error {
	for {
		h.rounds++
		asleep := time.Now()
		e, err := h.kit.wait(h.poll)
		if err != nil {
			return err
		}
		h.strip.slept(asleep, time.Now())
		w := h.window.Ptr()
		for range e.frames {
			w.frames++
			h.strip.mark(aFrame)
		}
		for range e.keys {
			h.strip.mark(aKey)
		}
		w.text += e.keys

		if e.woken {
			// Before RunPending: a call of the waker after that is for work that is
			// left, and must end the next wait.
			if err := h.kit.hush(); err != nil {
				return err
			}
		}
		t.RunPending()
		if t.Closed() {
			h.strip.mark(theEnd)
			return nil
		}
	}
}

// frameEvery is the toolkit's, for everybody: done in the middle of a wait it would
// take away the frame that the loop is about to read.
func (h *host) frameEvery(d time.Duration) error {
	_, err := ste.Call(h.thread, func() (struct{}, error) { return struct{}{}, h.kit.frameEvery(d) })
	return err
}

// end closes the Thread from elsewhere and waits for the loop's end.
func (h *host) end() error {
	err := h.thread.Close()
	return errors.Join(err, <-h.gone)
}

// A usage is what the loop has used up so far.
type usage struct {
	cpu    time.Duration // of its OS thread
	rounds int
}

func (h *host) usage() (usage, error) {
	return ste.Call(h.thread, func() (usage, error) {
		var u unix.Rusage
		err := unix.Getrusage(unix.RUSAGE_THREAD, &u)
		return usage{time.Duration(u.Utime.Nano() + u.Stime.Nano()), h.rounds}, err
	})
}
