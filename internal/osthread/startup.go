//go:build windows || darwin || freebsd || dragonfly || netbsd

package osthread

// StartupKnown says whether IsStartup can tell.
const StartupKnown = true

// startup is the thread that runs package initialisers: the runtime keeps the
// main goroutine on the process's first thread until they have ended.
var startup = ID()

// IsStartup reports whether the caller runs on the process's first thread.
func IsStartup() bool { return ID() == startup }
