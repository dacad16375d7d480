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

// Either is a func value or a pointer to a T, in one word: the bit of an address tells which, that
// is 0 in those of func values and of T, whose alignment is more than 1. The zero Either is
// neither.
type Either[T any] struct{ p unsafe.Pointer }

// Call returns an Either that is f.
func Call[T any](f func()) Either[T] { return Either[T]{unsafe.Pointer(CodeOf(f))} }

// That returns an Either that is p. It keeps *p alive as p does.
func That[T any](p *T) Either[T] { return Either[T]{unsafe.Add(unsafe.Pointer(p), 1)} }

// That returns the pointer, or nil if it is none.
func (e Either[T]) That() *T {
	if uintptr(e.p)&1 == 0 {
		return nil
	}
	return (*T)(unsafe.Add(e.p, -1))
}

// Func returns the func value, or nil if it is none.
func (e Either[T]) Func() func() {
	if uintptr(e.p)&1 != 0 {
		return nil
	}
	return (*Code)(e.p).Func()
}
