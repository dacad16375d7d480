package osthread

import "golang.org/x/sys/windows"

// ID returns the system's number of the calling thread, never 0.
func ID() uint64 { return uint64(windows.GetCurrentThreadId()) }
