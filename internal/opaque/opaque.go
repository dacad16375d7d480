// Package opaque holds a pointer where reflection cannot follow it, and a func
// value as a pointer.
//
// fmt, encoding/json, log/slog, testify's spew and reflect.DeepEqual walk into
// unexported pointers. A value that only one thread may read, and the atomics
// of a running Thread, must not be walked into: the walk would be a data race.
// All of those stop at an unsafe.Pointer, which the garbage collector follows
// like any other pointer.
//
// The package can go when the language has a pointer that reflect leaves alone.
package opaque

import "unsafe"

// Ref is a pointer to a T that reflection sees as a bare address. The zero Ref
// is nil. Refs are comparable; equal Refs point to the same T.
type Ref[T any] struct {
	p unsafe.Pointer // G4: whoever prints or compares stops here
}

// To returns the Ref of p.
func To[T any](p *T) Ref[T] { return Ref[T]{unsafe.Pointer(p)} }

// Get returns the pointer.
func (r Ref[T]) Get() *T { return (*T)(r.p) }
