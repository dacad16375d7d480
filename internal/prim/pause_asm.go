//go:build (amd64 || arm64) && !purego && !ste_explore

package prim

// pause tells the processor that a loop spins.
//
//go:noescape
func pause()
