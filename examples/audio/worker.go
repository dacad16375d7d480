package main

import (
	"time"

	"github.com/ste-go/ste"
)

// queueLimit bounds the knob changes that may wait for the Thread. A user
// interface makes a few per block; the limit is what stands between a Thread
// that is held up and a queue that grows without end.
const queueLimit = 1024

// A worker is the Thread that makes the sound, and the chain that lives on it.
type worker struct {
	thread *ste.Thread
	chain  *ste.Tagged[chain]
	src    *source

	// One block's arguments and results, and the task that uses them, made once:
	// a closure for each block would be an allocation for each block. They belong
	// to the caller of block, and to the Thread while that caller waits.
	task func()
	out  []frame
	done time.Time
	err  error
}

// startWorker starts the Thread and makes the chain there. From then on src
// belongs to the Thread.
func startWorker(src *source) (*worker, error) {
	w := &worker{src: src}
	w.task = w.run
	var err error
	w.thread, err = ste.New(
		ste.WithName("audio"),
		ste.WithQueueLimit(queueLimit),
		ste.WithInit(func() error {
			w.chain = ste.NewTagged(newChain(src, src.format.SampleRate))
			return nil
		}),
	)
	return w, err
}

// block makes the next block of sound in out, on the Thread, and returns when
// that was done. One goroutine at a time may call it.
//
// Submit has returned only when the task has ended or will never start: out is
// the caller's again, without a lock and without a copy.
func (w *worker) block(out []frame) (done time.Time, err error) {
	w.out = out
	if err := w.thread.Submit(w.task); err != nil {
		return time.Time{}, err
	}
	return w.done, w.err
}

// run is the task.
func (w *worker) run() {
	w.chain.Ptr().fill(w.out)
	w.err = w.src.Err()
	w.done = time.Now()
}
