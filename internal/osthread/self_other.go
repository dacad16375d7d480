//go:build !linux

package osthread

// Self is ID.
func Self() uint64 { return ID() }
