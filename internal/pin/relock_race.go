//go:build race

package pin

import "runtime"

var unlock, lock = runtime.UnlockOSThread, runtime.LockOSThread

// relock is that of relock_plain.go for the race detector, with which
// go test -cover begins each function and each body of a loop with a call that
// may be preempted. So there are neither; and no inlined calls, whose comparisons
// go test -fuzz would trace with more stack than there is.
//
//go:nosplit
func relock() {
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	unlock()
	lock()
}
