//go:build linux && (amd64 || arm64) && !purego

package threadword

// Known says that Load works in this build.
const Known = true

// Load returns the calling thread's variable at the offset from the thread
// pointer. The offset must be that of a variable in the block that every thread
// has from its start.
//
//go:noescape
func Load(offset uintptr) uint64
