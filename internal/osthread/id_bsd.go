//go:build darwin || dragonfly || netbsd

package osthread

import "golang.org/x/sys/unix"

// ID returns the system's number of the calling thread, never 0.
func ID() uint64 {
	id, _, _ := unix.RawSyscall(selfCall, 0, 0, 0)
	return uint64(id)
}
