//go:build go1.26

package futex

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Works is whether threads can sleep so.
const Works = true

const (
	wait = 0 | private // FUTEX_WAIT
	wake = 1 | private // FUTEX_WAKE

	private = 128 // the word is this process's own
)

// Wait sleeps for as long as *w is v, at most for d ns if that is not negative, or until
// somebody calls Wake. It may also return for no reason.
func Wait(w *atomic.Uint32, v uint32, d int64) {
	var limit *unix.Timespec
	if d >= 0 {
		t := unix.NsecToTimespec(d)
		limit = &t
	}
	// An ordinary system call: the scheduler may take this thread's processor away.
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w)), wait, uintptr(v), uintptr(unsafe.Pointer(limit)), 0, 0)
}

// Wake wakes one thread that sleeps in Wait.
func Wake(w *atomic.Uint32) {
	// A raw one: it does not block.
	_, _, _ = unix.RawSyscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(w)), wake, 1)
}
