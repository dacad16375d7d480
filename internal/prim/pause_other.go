//go:build !((amd64 || arm64) && !purego)

package prim

// pause does nothing, but in a call: about a nanosecond.
//
//go:noinline
func pause() {}
