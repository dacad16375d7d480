package osthread

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ID returns the system's number of the calling thread, never 0.
func ID() uint64 {
	var id int
	unix.RawSyscall(unix.SYS_THR_SELF, uintptr(unsafe.Pointer(&id)), 0, 0)
	return uint64(id)
}
