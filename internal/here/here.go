// Package here tells which goroutine is running, by the address of the
// runtime's descriptor (g).
//
// A locked Thread asks "is it me?" on every access to one of its values, so the
// answer must not cost a system call. The address takes one instruction to read
// and needs neither an offset into a runtime structure nor a linkname. While a
// goroutine lives its address belongs to no other; afterwards the runtime gives
// it to a later one, so whoever keeps an address must forget it before the
// goroutine ends.
//
// Where there is no assembly (build tag purego, other processors) Goroutine
// answers 0, which equals no goroutine, and callers compare OS thread ids
// instead (package osthread).
//
// The package can go when Go has a cheap, public identity of a goroutine.
package here
