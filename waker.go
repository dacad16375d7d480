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
	need(f != nil, "WithWaker", "func")
	return option(func(c *config) { c.waker = f })
}

// A waker reaches a Thread whose loop user code has. It is nil without WithWaker: then
// all its methods do nothing.
type waker struct {
	core *core  // immutable
	f    func() // the user's; immutable
	ring func() // wake; immutable

	// awake says that the loop will see by itself what is queued, or that somebody
	// has called f.
	//
	//	true -> false   the Thread, before user code gets the loop
	//	false -> true   whoever has queued something and then calls f; the
	//	                Thread, when the loop has it back
	awake prim.Flag
	// calling is how many calls of f may be in progress. Added to before the look at awake
	// that decides, and subtracted from after the call, by who queues; read by the Thread
	// at its end, after it has set awake for good.
	calling prim.Word

	alarm prim.Alarm // calls wake when a timer is due; the Thread's
}

func newWaker(c *core, f func()) *waker {
	w := &waker{core: c, f: f}
	w.ring = w.wake
	w.awake.Store(true)
	return w
}

// lend gives the loop to user code: from now on f is called.
func (w *waker) lend() {
	if w == nil {
		return
	}
	w.awake.Store(false)
	if at := w.core.inbox.Until(); at == prim.Never {
		w.alarm.Stop()
	} else {
		w.alarm.At(at, w.ring)
	}
}

// lendAgain is lend for user code that had lent the loop itself, and may be about to
// sleep: it calls f if there is something to do. told says that f has been called for the
// Close while this code has run.
func (w *waker) lendAgain(told *bool) {
	if w == nil {
		return
	}
	// A3: first the mark, then the look: what comes in between is seen by one of the two.
	w.lend()
	closed := w.core.inbox.Closed() && !*told
	if closed || w.core.inbox.Pending() {
		*told = *told || closed
		w.wake()
	}
}

// back says that the Thread has its loop again.
func (w *waker) back() {
	if w != nil {
		w.awake.Store(true)
	}
}

// wake calls f unless the Thread sees by itself that it has something to do. Called
// after that was queued, without locks.
func (w *waker) wake() {
	if w == nil || w.awake.Load() {
		return
	}
	w.calling.Add(1)
	if w.awake.CompareAndSwap(false, true) {
		w.call()
	}
	w.calling.Add(^uint32(0))
}

// call calls f, which must return: who has queued a task cannot leave before
// it has ended, and nobody would be called any more.
func (w *waker) call() {
	returned := false
	defer func() {
		if !returned {
			how := fmt.Errorf("called runtime.Goexit")
			if v := recover(); v != nil {
				how = fmt.Errorf("panicked: %w", newPanicError(Current(), v))
			}
			crash(fmt.Errorf("ste: the waker of %v %w", tagOf(w.core.id), how))
		}
	}()
	w.f()
	returned = true
}

// end returns when f is no longer being called, and will not be. The end of the Thread
// calls it: what f writes to may be gone after that.
func (w *waker) end() {
	if w == nil {
		return
	}
	w.alarm.Stop()
	// A4: nobody begins a call after this, and those in progress are waited for.
	w.awake.Store(true)
	for w.calling.Load() > 0 {
		prim.Yield()
	}
}
