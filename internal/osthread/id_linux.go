//go:build !ste_explore

package osthread

import "golang.org/x/sys/unix"

// ID returns the kernel's number of the calling thread, never 0.
func ID() uint64 { return uint64(unix.Gettid()) }

// StartupKnown says whether IsStartup can tell.
const StartupKnown = true

// IsStartup reports whether the caller runs on the process's first thread. The
// kernel's word is better than the recorded one: in a C program that loads Go
// as a library, initialisers run on a thread of their own.
func IsStartup() bool { return unix.Gettid() == unix.Getpid() }
