//go:build !race

package pin

import "runtime"

// relock takes 64 locks away, but leaves one; UnlockOSThread does nothing at zero.
//
// From where the count may be zero until the next lock the goroutine is on its own,
// and must not be preempted. The compiler makes no preemption points within nosplit
// functions, and all that are called here are nosplit; but the first instruction of one
// that has a frame is a place to preempt (with -asan or -gcflags=-l, when the calls in it
// are not inlined), so each part begins and ends locked. go test -cover and
// go test -fuzz put nothing into this that could be preempted either; the stack
// that go test -fuzz needs is why there are eight parts.
//
//go:nosplit
func relock() {
	less8()
	less8()
	less8()
	less8()
	less8()
	less8()
	less8()
	less8()
}

//go:nosplit
//go:noinline
func less8() {
	runtime.UnlockOSThread()
	runtime.UnlockOSThread()
	runtime.UnlockOSThread()
	runtime.UnlockOSThread()
	runtime.UnlockOSThread()
	runtime.UnlockOSThread()
	runtime.UnlockOSThread()
	runtime.UnlockOSThread()
	runtime.UnlockOSThread()
	runtime.LockOSThread()
}

const _ = uint(64 - Depth - strays)
