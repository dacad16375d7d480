//go:build !linux || ste_explore

package osthread

// Self is ID.
func Self() uint64 { return ID() }
