package osthread

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// nameLimit is the kernel's TASK_COMM_LEN without the closing zero, in bytes.
const nameLimit = 15

// SetName names the calling thread, cut to what the system keeps. Debuggers,
// top -H and /proc/self/task/*/comm show it.
func SetName(name string) {
	var buf [nameLimit + 1]byte
	copy(buf[:nameLimit], cut(name, nameLimit))
	// A name is a courtesy: a sandbox that forbids prctl must not stop a Thread.
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&buf[0])), 0, 0, 0)
}
