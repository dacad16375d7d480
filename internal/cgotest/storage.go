//go:build cgo

package cgotest

/*
#cgo windows LDFLAGS: -static -lpthread
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef _WIN32
#include <windows.h>
static void *specific(uintptr_t key) { return FlsGetValue(key); }
#else
static void *specific(uintptr_t key) { return pthread_getspecific(key); }
#endif

// A counter is what C keeps for a thread, in C's memory.
struct counter { int n; };
static uintptr_t counter(void) { return (uintptr_t)calloc(1, sizeof(struct counter)); }
static void drop(uintptr_t c) { free((void *)c); }
static int count(uintptr_t key) {
	struct counter *c = specific(key);
	return c ? ++c->n : -1;
}

extern void steTimes(uintptr_t);

// times calls Go again and again from one C thread, as an audio library does.
struct plan { uintptr_t f; int calls; uintptr_t key; int found; };
static void *times(void *p) {
	struct plan *plan = p;
	for (int i = 0; i < plan->calls; i++) {
		steTimes(plan->f);
		if (plan->key) plan->found = count(plan->key);
	}
	return 0;
}
static int onThread(struct plan *plan) {
	pthread_t id;
	int err = pthread_create(&id, 0, times, plan);
	return err ? err : pthread_join(id, 0);
}

// What outlives the thread's own code: a value of a key whose destructor calls Go,
// in each of the rounds that the system grants.
struct last { pthread_key_t key; uintptr_t f; int rounds; };
static void atEnd(void *p) {
	struct last *last = p;
	steTimes(last->f);
	if (--last->rounds > 0) pthread_setspecific(last->key, last);
}
struct life { struct last *last; uintptr_t body; };
static void *live(void *p) {
	struct life *life = p;
	pthread_setspecific(life->last->key, life->last);
	steTimes(life->body);
	return 0;
}
static int die(uintptr_t body, uintptr_t end, int rounds) {
	struct last last = {.f = end, .rounds = rounds};
	struct life life = {.last = &last, .body = body};
	pthread_t id;
	int err = pthread_key_create(&last.key, atEnd);
	if (!err) err = pthread_create(&id, 0, live, &life);
	if (!err) err = pthread_join(id, 0);
	pthread_key_delete(last.key);
	return err;
}

// All keys, and back.
static pthread_key_t taken[100000];
static int takeKeys(void) {
	int n = 0;
	while (n < 100000 && pthread_key_create(&taken[n], 0) == 0) n++;
	return n;
}
static void giveKeys(int n) { while (n > 0) pthread_key_delete(taken[--n]); }

// inUse returns the bytes that malloc has given out, where it tells.
#ifdef __GLIBC__
#include <malloc.h>
static long inUse(void) { return mallinfo2().uordblks; }
#else
static long inUse(void) { return 0; }
#endif

// For benchmarks.
static pthread_key_t bench;
static int made;
static void getMany(long n) {
	if (!made) { made = 1; pthread_key_create(&bench, 0); }
	for (; n > 0; n--) {
		volatile void *p = pthread_getspecific(bench);
		(void)p;
	}
}
static uintptr_t getOne(void) { return (uintptr_t)pthread_getspecific(bench); }
*/
import "C"

import (
	"fmt"
	"runtime/cgo"
	"unsafe"
)

//export steTimes
func steTimes(h C.uintptr_t) { cgo.Handle(h).Value().(func())() }

func must(err C.int) {
	if err != 0 {
		panic(fmt.Sprint("cgotest: error ", err))
	}
}

// Counter returns the address of a new counter in C's memory.
func Counter() uintptr { return uintptr(C.counter()) }

// DropCounter frees a counter.
func DropCounter(c uintptr) { C.drop(C.uintptr_t(c)) }

// Count lets C count on the counter in the calling thread's slot of the key, and
// returns the count, or -1 when the slot is empty.
func Count(key uintptr) int { return int(C.count(C.uintptr_t(key))) }

// Calls lets C start a thread that calls f so many times, and then after each call
// counts as Count does, if there is a key. It returns the last count after the
// thread's end.
func Calls(f func(), calls int, key uintptr) int {
	h := cgo.NewHandle(f)
	defer h.Delete()
	plan := (*C.struct_plan)(C.calloc(1, C.sizeof_struct_plan))
	defer C.free(unsafe.Pointer(plan))
	plan.f, plan.calls, plan.key = C.uintptr_t(h), C.int(calls), C.uintptr_t(key)
	must(C.onThread(plan))
	return int(plan.found)
}

// Dying lets C start a thread that calls body and then, from a destructor of a key,
// atEnd in each of so many rounds. It returns after the thread's end.
func Dying(body, atEnd func(), rounds int) {
	b, e := cgo.NewHandle(body), cgo.NewHandle(atEnd)
	defer b.Delete()
	defer e.Delete()
	must(C.die(C.uintptr_t(b), C.uintptr_t(e), C.int(rounds)))
}

// TakeKeys takes all keys that the process has left, and returns what gives them
// back.
func TakeKeys() (n int, give func()) {
	taken := C.takeKeys()
	return int(taken), func() { C.giveKeys(taken) }
}

// InUse returns the bytes that C has in use, or 0 if they are not known.
func InUse() int { return int(C.inUse()) }

// GetMany lets C read a slot n times in one call.
func GetMany(n int) { C.getMany(C.long(n)) }

// GetOne lets C read a slot once.
func GetOne() uintptr { return uintptr(C.getOne()) }
