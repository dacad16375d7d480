// Package byhand is what Go programs write in place of ste: a goroutine locked
// to an OS thread, a channel of closures, a done channel for each.
//
// It exists to be compared with. TestByHandTable in internal/trials runs both
// through the same situations and makes the table in the README. Nobody should
// import it.
//
// It is meant to be good code of its size, and for callers that do nothing
// unusual it is right. Each row that it loses could be mended (a quit channel
// next to tasks for the calls that race Close, a recover around f for panics);
// all of them together are a library.
package byhand

import (
	"context"
	"runtime"
)

// A Thread runs closures on one OS thread, one at a time.
type Thread struct {
	tasks chan task
	ended chan struct{}
}

type task struct {
	f    func()
	done chan struct{}
}

// New starts a Thread.
func New() *Thread {
	t := &Thread{tasks: make(chan task), ended: make(chan struct{})}
	go t.run()
	return t
}

func (t *Thread) run() {
	runtime.LockOSThread() // for good: the OS thread ends with the goroutine
	defer close(t.ended)
	for task := range t.tasks {
		task.f()
		close(task.done)
	}
}

// Do runs f on the Thread and waits for it.
func (t *Thread) Do(f func()) {
	done := make(chan struct{})
	t.tasks <- task{f, done}
	<-done
}

// DoContext is Do that stops waiting when ctx ends. f may run after that.
func (t *Thread) DoContext(ctx context.Context, f func()) error {
	done := make(chan struct{})
	go func() {
		t.Do(f)
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close waits for the running task and ends the Thread. No Do may follow.
func (t *Thread) Close() {
	close(t.tasks)
	<-t.ended
}
