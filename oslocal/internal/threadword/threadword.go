// Package threadword reads a 64-bit variable of the C compiler's __thread kind
// on the calling thread, without a call into C.
//
// C code finds such a variable at a fixed distance from the processor's thread
// pointer, in one load (the ELF models initial-exec and local-exec). The Go
// runtime finds its own g in just this way, so every thread that can run Go has
// a thread pointer and the block it points to. Load does the same load.
//
// It is exact for a goroutine that may be anywhere: the runtime does not preempt
// assembly, so thread pointer and variable are those of one thread. The variable
// of a thread that starts begins with its initial value, whatever memory an
// earlier thread had: the C library sees to that before the thread runs.
//
// The package can be deleted when Go has thread-local variables, or calls into C
// for the price of calls.
package threadword
