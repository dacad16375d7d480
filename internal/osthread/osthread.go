// Package osthread makes the operating system calls that concern the calling
// thread: which thread is it, is it the process's first one, what is its name.
//
// ID answers with the kernel's own number where there is a cheap call for it.
// The kernel gives the number of an ended thread to a later one, so an ID means
// something only while its thread lives. Systems without such a call use the
// goroutine's number (see id_other.go), which is never reused but says "no" to
// other goroutines that run on the same thread, such as bodies of iter.Pull.
//
// Self tells threads apart without a system call, where it can (self.go).
//
// unsafe is here because some systems take a name, or answer a number, by address.
// self.go can be deleted when Go has a cheap, public identity of the calling thread;
// the package when that can also be named and compared with the first one.
package osthread

import "runtime"

// ExitCrashes says that the Go runtime crashes on this system when a goroutine
// ends while locked to its thread (golang/go#52394).
const ExitCrashes = runtime.GOOS == "freebsd" || runtime.GOOS == "openbsd" || runtime.GOOS == "netbsd" || runtime.GOOS == "dragonfly"
