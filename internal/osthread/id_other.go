//go:build !(linux || windows || darwin || freebsd || dragonfly || netbsd) || (linux && ste_explore && (purego || !(amd64 || arm64)))

package osthread

import (
	"fmt"
	"runtime"
)

// ID returns the number of the calling goroutine, never 0: this system has one
// thread only (js, wasip1), or no call for a thread's number that Go can make
// without cgo, or the build is the exploring one, which locks no thread.
func ID() uint64 {
	var buf [64]byte
	header := buf[:runtime.Stack(buf[:], false)] // goroutine 12 [running]: ...
	id := uint64(0)
	if _, err := fmt.Sscanf(string(header), "goroutine %d ", &id); err != nil {
		panic("ste: the runtime's stack header has changed: " + string(header))
	}
	return id
}

// StartupKnown says whether IsStartup can tell.
const StartupKnown = false

// IsStartup reports false for all: threads cannot be told apart here.
func IsStartup() bool { return false }
