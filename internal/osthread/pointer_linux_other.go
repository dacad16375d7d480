//go:build linux && (!amd64 || purego)

package osthread

const hasPointer = false

func pointer() uint64 { return 0 }
