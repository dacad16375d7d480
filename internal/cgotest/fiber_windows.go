//go:build cgo

package cgotest

/*
#include <pthread.h>
#include <stdint.h>
#include <windows.h>

extern void steTimes(uintptr_t);

struct fibers { uintptr_t first, second, deleted; void *home; };
static void WINAPI second(void *p) {
	struct fibers *f = p;
	steTimes(f->second);
	SwitchToFiber(f->home);
}
static void *fibers(void *p) {
	struct fibers *f = p;
	f->home = ConvertThreadToFiber(NULL);
	steTimes(f->first);
	void *other = CreateFiber(0, second, f);
	SwitchToFiber(other);
	steTimes(f->first);
	DeleteFiber(other);
	steTimes(f->deleted);
	return 0;
}
static int onFibers(uintptr_t a, uintptr_t b, uintptr_t c) {
	struct fibers f = {a, b, c, 0};
	pthread_t id;
	int err = pthread_create(&id, 0, fibers, &f);
	return err ? err : pthread_join(id, 0);
}
*/
import "C"

import "runtime/cgo"

// Fibers lets C start a thread that calls first on its own fiber, second on
// another, first again, and deleted after it has deleted the other.
func Fibers(first, second, deleted func()) {
	a, b, c := cgo.NewHandle(first), cgo.NewHandle(second), cgo.NewHandle(deleted)
	defer a.Delete()
	defer b.Delete()
	defer c.Delete()
	must(C.onFibers(C.uintptr_t(a), C.uintptr_t(b), C.uintptr_t(c)))
}
