//go:build !cgo || !(unix || windows)

package oslocal

// Nothing here is reached: there are no objects without setup. Unix and Windows
// both have the storage, in their C libraries, and both need C code for the end
// of a thread: on Windows a callback made by syscall.NewCallback would be Go code
// run by a thread that is dying.

const ended = ^uint64(0)

func setup() error                   { return ErrNotSupported }
func current() uint64                { return 0 }
func attach(uint64) (uint64, error)  { return 0, ErrNotSupported }
func standFor(uint64) func()         { return func() {} }
func takeEnded() []uint64            { return nil }
func wake()                          {}
func waitBell()                      {}
func elsewhere() error               { return ErrNotSupported }
func newKey() (uintptr, error)       { return 0, ErrNotSupported }
func deleteKey(uintptr)              {}
func setKey(key, word uintptr) error { return ErrNotSupported }
