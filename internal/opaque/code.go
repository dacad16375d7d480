package opaque

import "unsafe"

// Code is what a func value points to. The language does not say that a func
// value is one pointer; all of Go's compilers for systems with threads make it
// one, and others do not compile the line below.
type Code struct{ _ byte }

const _ = -(unsafe.Sizeof((func())(nil)) ^ unsafe.Sizeof((*Code)(nil)))

// CodeOf returns f as a pointer, which can be stored atomically.
func CodeOf(f func()) *Code { return *(**Code)(unsafe.Pointer(&f)) }

// Func returns the func value that CodeOf was given.
func (c *Code) Func() func() { return *(*func())(unsafe.Pointer(&c)) }
