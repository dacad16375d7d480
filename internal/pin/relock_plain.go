//go:build !race

package pin

import "runtime"

// relock unlocks Depth+strays times and then locks once. UnlockOSThread
// does nothing at zero.
//
// From where the count may be zero until the lock the goroutine is on its own,
// and must not be preempted. The compiler makes no preemption points in nosplit
// functions, and all that are called here are nosplit. go test -cover and
// go test -fuzz put nothing into this that could be preempted either; the stack
// that go test -fuzz needs is why there are eight parts.
//
//go:nosplit
func relock() {
	unlock8()
	unlock8()
	unlock8()
	unlock8()
	unlock8()
	unlock8()
	unlock8()
	unlock8()
	runtime.LockOSThread()
}

//go:nosplit
//go:noinline
func unlock8() {
	runtime.UnlockOSThread()
	runtime.UnlockOSThread()
	runtime.UnlockOSThread()
	runtime.UnlockOSThread()
	runtime.UnlockOSThread()
	runtime.UnlockOSThread()
	runtime.UnlockOSThread()
	runtime.UnlockOSThread()
}

const _ = uint(64 - Depth - strays)
