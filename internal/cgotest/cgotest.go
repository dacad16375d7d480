//go:build cgo

// Package cgotest calls Go from C, for tests: test files cannot use cgo
// themselves.
package cgotest

/*
#include <pthread.h>

extern void steCallback(void);
static void call(void) { steCallback(); }

extern void steOnThread(void);
static void *run(void *unused) { steOnThread(); return 0; }
static int thread(void) {
	pthread_t id;
	int err = pthread_create(&id, 0, run, 0);
	return err ? err : pthread_join(id, 0);
}
*/
import "C"

import (
	"fmt"
	"sync"
)

var callback func()

//export steCallback
func steCallback() { callback() }

// CallFromC lets C, called on the current thread, call f. One call at a time.
func CallFromC(f func()) {
	callback = f
	C.call()
	callback = nil
}

// started is what C threads that have been asked for are to call.
var started struct {
	mu sync.Mutex
	fs []func()
}

//export steOnThread
func steOnThread() {
	started.mu.Lock()
	f := started.fs[0]
	started.fs = started.fs[1:]
	started.mu.Unlock()
	f()
}

// Thread lets C start a thread that calls f, and waits for the thread's end.
func Thread(f func()) {
	started.mu.Lock()
	started.fs = append(started.fs, f)
	started.mu.Unlock()
	if err := C.thread(); err != 0 {
		panic(fmt.Sprint("cgotest: pthread_create or join: ", err))
	}
}
