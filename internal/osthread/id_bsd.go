//go:build dragonfly || netbsd

package osthread

import "golang.org/x/sys/unix"

// ID returns the system's number of the calling thread, never 0.
func ID() uint64 {
	id, _, _ := unix.RawSyscall(selfCall, 0, 0, 0)
	return uint64(id)
}

// IsStartup reports whether the caller runs on the process's first thread.
func IsStartup() bool { return ID() == startup }
