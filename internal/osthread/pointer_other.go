//go:build !linux || !amd64 || purego || ste_explore

package osthread

const hasPointer = false

func pointer() uint64 { return 0 }
