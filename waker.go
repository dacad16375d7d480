package ste

import (
	"fmt"

	"github.com/ste-go/ste/internal/prim"
)

// WithWaker sets what is called when a Thread has something to do while a task, or
// the body of an Attach, has its loop and may sleep elsewhere, in a foreign wait: f
// ends that wait. Writing to an eventfd does it for epoll, PostEmptyEvent for GLFW,
// g_main_context_wakeup for GLib. The loop around the wait then is:
//
//	wait()           // until f was called, or for events of its own
//	clear()          // what f has left, say the eventfd's count; never after RunPending
//	t.RunPending()
//	if t.Closed() {
//		return
//	}
//
// f is called after work was queued, when the Thread is closed, and when a timer
// falls due. Once it was called it is not called again before RunPending or Run has
// ended or the next task has begun; if RunPending leaves work, f is called as that
// ends. So a wait that remembers one wake-up loses none. A task that is about to wait
// for the first time calls RunPending before: for what was queued earlier nobody calls
// f.
//
// f runs on the goroutine of whoever queues the work, or on one of the runtime's,
// without locks held. It must not block: the end of the Thread waits for calls in
// progress, and after Done and Attach there is none. A waker that panics or calls
// runtime.Goexit ends the process.
func WithWaker(f func()) Option {
	if f == nil {
		panic(nilArgument("WithWaker", "func"))
	}
	return option(func(c *config) { c.waker = f })
}

// lend gives the loop to user code: from now on the waker is called.
func (w *worker) lend() {
	w.awake.Store(false)
	if at := w.inbox.Until(); at == prim.Never {
		w.alarm.Stop()
	} else {
		w.alarm.At(at, w.extras.wake)
	}
}

// left is lend for user code that has the loop back, which may be about to sleep.
func (w *worker) left() {
	if w.extras.waker == nil {
		return
	}
	w.lend()
	closed := w.inbox.Closed() && !w.tolled
	if closed || w.inbox.Pending() {
		w.tolled = w.tolled || closed
		w.wake()
	}
}

// wake calls the waker unless the Thread sees by itself that it has something to
// do. Called after that was queued, without locks.
func (c *core) wake() {
	f := c.extras.waker
	if f == nil || c.awake.Load() {
		return
	}
	c.waking.Add(1)
	if c.awake.CompareAndSwap(false, true) {
		c.call(f)
	}
	c.waking.Add(^uint32(0))
}

// call calls the waker, which must return: who has queued a task cannot leave before
// it has ended, and nobody would be called any more.
func (c *core) call(waker func()) {
	returned := false
	defer func() {
		if !returned {
			how := fmt.Errorf("called runtime.Goexit")
			if v := recover(); v != nil {
				how = fmt.Errorf("panicked: %w", newPanicError(Current(), v))
			}
			crash(fmt.Errorf("ste: the waker of %v %w", tagOf(c.id), how))
		}
	}()
	waker()
	returned = true
}

// unwake returns when the waker is no longer being called, and will not be. The end
// of the Thread calls it: what the waker writes to may be gone after that.
func (w *worker) unwake() {
	w.alarm.Stop()
	w.awake.Store(true)
	for w.waking.Load() > 0 {
		prim.Yield()
	}
}
