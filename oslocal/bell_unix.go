//go:build cgo && unix

package oslocal

/*
#include "oslocal.h"
*/
import "C"

import "os"

// bell is a pipe. The end of a thread writes a byte, and the releasing goroutine
// sleeps in the runtime's poller: no thread is spent on waiting, and write is
// one of the few calls that are right anywhere. Written by newBell under
// registry.mu, before the goroutine starts.
var bell struct{ r, w *os.File }

func newBell() (err error) {
	if bell.r == nil {
		bell.r, bell.w, err = os.Pipe()
	}
	return err
}

// bellFile returns the end for C, non-blocking as os.Pipe has made it. (Fd
// would make it block.)
func bellFile() (file C.int) {
	raw, err := bell.w.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { file = C.int(fd) })
	}
	if err != nil {
		panic(err) // only for a closed file
	}
	return file
}

// waitBell waits until the bell has rung since the last time.
func waitBell() {
	var buf [512]byte
	if _, err := bell.r.Read(buf[:]); err != nil {
		panic(err) // somebody closed a file that is not theirs
	}
}
