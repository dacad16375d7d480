//go:build !(linux && (amd64 || arm64)) || purego

package threadword

// Known says that Load works in this build: thread pointers of other systems
// point to what is theirs to change.
const Known = false

// Load must not be called.
func Load(uintptr) uint64 { panic("threadword: not known here") }
