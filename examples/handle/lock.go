//go:build cgo && linux

package main

/*
#cgo LDFLAGS: -lpthread
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

// A lock that knows its thread: POSIX lets only the thread that locked it unlock
// it, and an error-checking mutex says so when another one tries.
typedef pthread_mutex_t lock;

static int opened;

static lock *lock_open(void) {
	pthread_mutexattr_t attr;
	lock *l = malloc(sizeof *l);
	if (l == NULL)
		return NULL;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(l, &attr);
	pthread_mutexattr_destroy(&attr);
	pthread_mutex_lock(l);
	__sync_fetch_and_add(&opened, 1);
	return l;
}

// The owner is told that it would wait for itself, anybody else that it is too
// late.
static int lock_use(lock *l) {
	struct timespec past = {0, 0};
	int err = pthread_mutex_timedlock(l, &past);
	return err == EDEADLK ? 0 : EPERM;
}

static int lock_close(lock *l) {
	int err = pthread_mutex_unlock(l);
	if (err)
		return err;
	pthread_mutex_destroy(l);
	free(l);
	__sync_fetch_and_add(&opened, -1);
	return 0;
}

static int lock_opened(void) { return __sync_fetch_and_add(&opened, 0); }
*/
import "C"

import (
	"errors"
	"syscall"

	"github.com/ste-go/ste"
)

// A lock is a C handle that only the OS thread which opened it may close.
type lock struct{ c *C.lock }

func openLock() (lock, error) {
	c := C.lock_open()
	if c == nil {
		return lock{}, errors.New("handle: no memory for a lock")
	}
	return lock{c}, nil
}

// use fails on any thread but the lock's.
func (l lock) use() error { return errno(C.lock_use(l.c)) }

// close fails likewise.
func (l lock) close() error { return errno(C.lock_close(l.c)) }

func errno(code C.int) error {
	if code == 0 {
		return nil
	}
	return syscall.Errno(code)
}

// locksOpen is how many there are.
func locksOpen() int { return int(C.lock_opened()) }

// bindLock is all that a library has to do to give out such a handle safely.
func bindLock(t *ste.Thread) (*ste.Bound[lock], error) {
	return ste.Bind(t, openLock, lock.close)
}
