//go:build !linux && !windows

package osthread

// SetName does nothing: naming a thread here takes a call into libc, which
// needs cgo. Messages and goroutine dumps carry the name all the same.
func SetName(string) {}
