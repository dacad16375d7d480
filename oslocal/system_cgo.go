//go:build cgo && (unix || windows)

package oslocal

/*
#include "oslocal.h"
*/
import "C"

import (
	"fmt"
	"runtime"
	"syscall"

	"github.com/ste-go/ste/oslocal/internal/threadword"
)

// ended is the word of a thread whose end has begun, and of goroutines that
// release values and stand for no thread.
const ended uint64 = C.STE_OSLOCAL_ENDED

// setup makes the key that all objects share.
func setup() error {
	if err := newBell(); err != nil {
		return fmt.Errorf("oslocal: %w", err)
	}
	if code := C.ste_oslocal_setup(bellFile()); code != 0 {
		return noKeys(code)
	}
	if threadword.Known {
		offset = uintptr(C.ste_oslocal_offset())
		// The proof of the pudding, on one thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		const probe = 0x0123_4567_89ab_cdef
		old := C.ste_oslocal_swap(probe)
		if offset != 0 && threadword.Load(offset) != probe {
			offset = 0
		}
		C.ste_oslocal_restore(old)
	}
	return nil
}

// current returns the calling thread's word.
func current() uint64 {
	if threadword.Known && offset != 0 {
		return threadword.Load(offset)
	}
	return uint64(C.ste_oslocal_word())
}

// attach makes number the calling thread's word, unless it has one. It returns
// the word in force.
func attach(number uint64) (uint64, error) {
	if code := C.ste_oslocal_attach(C.uint64_t(number)); code != 0 {
		return 0, fmt.Errorf("oslocal: %w", syscall.Errno(code))
	}
	return current(), nil
}

// standFor lets the calling thread, to which its goroutine must be locked, stand
// for another word until restore is called.
func standFor(word uint64) (restore func()) {
	old := C.ste_oslocal_swap(C.uint64_t(word))
	return func() { C.ste_oslocal_restore(old) }
}

// takeEnded returns numbers of threads that have ended, each of them once, and
// none when there are no more.
func takeEnded() []uint64 {
	var numbers [64]C.uint64_t
	taken := make([]uint64, C.ste_oslocal_take(&numbers[0], C.int(len(numbers))))
	for i := range taken {
		taken[i] = uint64(numbers[i])
	}
	return taken
}

func wake() { C.ste_oslocal_wake() }

// elsewhere starts serve from a thread of C's own, so that it belongs to no
// testing/synctest bubble.
func elsewhere() error {
	if code := C.ste_oslocal_elsewhere(); code != 0 {
		return fmt.Errorf("oslocal: %w", syscall.Errno(code))
	}
	return nil
}

//export steOslocalElsewhere
func steOslocalElsewhere() { go serve() }

func newKey() (uintptr, error) {
	var key C.uintptr_t
	if code := C.ste_oslocal_key_new(&key); code != 0 {
		return 0, noKeys(code)
	}
	return uintptr(key), nil
}

func noKeys(code C.int) error { return fmt.Errorf("%w: %w", ErrNoKeys, syscall.Errno(code)) }

func deleteKey(key uintptr) { C.ste_oslocal_key_delete(C.uintptr_t(key)) }

// setKey sets what C sees in the slot on the calling thread.
func setKey(key, word uintptr) error {
	if code := C.ste_oslocal_key_set(C.uintptr_t(key), C.uintptr_t(word)); code != 0 {
		return fmt.Errorf("oslocal: %w", syscall.Errno(code))
	}
	return nil
}
