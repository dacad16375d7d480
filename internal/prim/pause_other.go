//go:build !((amd64 || arm64) && !purego) && !ste_explore

package prim

// pause does nothing, but in a call: about a nanosecond.
//
//go:noinline
func pause() {}
