// Package prim is what the hand-off is made of: atomics, the lock, parking,
// spinning and the clock. The package inbox uses nothing else of the kind, so
// that the same code can run under a scheduler that explores its interleavings.
// In the normal build (plain.go) the types are those of sync and sync/atomic
// themselves, by construction.
package prim
