//go:build (amd64 || arm64) && !purego

package here

// Known says whether Goroutine has an answer in this build.
const Known = true

// Goroutine returns the address of the running goroutine's descriptor.
//
//go:noescape
func Goroutine() uintptr

// Word returns the word at offset, in bytes, of the running goroutine's descriptor. The
// runtime does not say what it means; package osthread finds one out by trying.
//
//go:noescape
func Word(offset uintptr) uintptr
