//go:build cgo

package oslocal

/*
#include "oslocal.h"
*/
import "C"

// The bell is an event, and the releasing goroutine's wait for it holds one OS
// thread: Go's poller on Windows takes nothing that a callback could set off.

func newBell() error  { return nil }
func bellFile() C.int { return -1 }
func waitBell()       { C.ste_oslocal_wait() }
