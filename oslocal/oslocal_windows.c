//go:build cgo && windows

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include "oslocal.h"

extern void steOslocalElsewhere(void);

// A record is what the key keeps for a thread, or for a fiber. It belongs to
// that until the callback puts it on the list, and to the releasing goroutine
// from then.
struct record {
	struct record *next;
	uint64_t number;
};

static DWORD key;
static HANDLE bell;

// dead is the list of records whose threads have ended, newest first. Callbacks
// push, the releasing goroutine takes all there is; the interlocked calls are
// full barriers.
static struct record *volatile dead;

static void push(struct record *r) {
	struct record *first;
	do {
		first = dead;
		r->next = first;
	} while (InterlockedCompareExchangePointer((void *volatile *)&dead, r, first) != first);
	if (!first) SetEvent(bell);
}

static void WINAPI ended(void *p) {
	if (p) push(p);
}

int ste_oslocal_setup(int unused) {
	if (!bell) bell = CreateEventW(NULL, FALSE, FALSE, NULL);
	if (!bell) return GetLastError();
	key = FlsAlloc(ended);
	return key == FLS_OUT_OF_INDEXES ? ERROR_NO_SYSTEM_RESOURCES : 0;
}

int64_t ste_oslocal_offset(void) { return 0; }

uint64_t ste_oslocal_word(void) {
	struct record *r = FlsGetValue(key);
	return r ? r->number : 0;
}

static struct record *set(uint64_t number) {
	struct record *r = malloc(sizeof *r);
	if (!r) return NULL;
	r->number = number;
	if (FlsSetValue(key, r)) return r;
	free(r);
	return NULL;
}

int ste_oslocal_attach(uint64_t number) {
	return ste_oslocal_word() || set(number) ? 0 : ERROR_NOT_ENOUGH_MEMORY;
}

uintptr_t ste_oslocal_swap(uint64_t number) {
	void *old = FlsGetValue(key);
	if (!set(number)) {
		fputs("oslocal: out of memory\n", stderr);
		abort();
	}
	return (uintptr_t)old;
}

void ste_oslocal_restore(uintptr_t old) {
	free(FlsGetValue(key));
	FlsSetValue(key, (void *)old);
}

int ste_oslocal_take(uint64_t *numbers, int n) {
	static struct record *taken;
	int i = 0;
	while (i < n) {
		if (!taken) taken = InterlockedExchangePointer((void *volatile *)&dead, NULL);
		if (!taken) break;
		struct record *r = taken;
		taken = r->next;
		numbers[i++] = r->number;
		free(r);
	}
	return i;
}

void ste_oslocal_wake(void) { SetEvent(bell); }

void ste_oslocal_wait(void) { WaitForSingleObject(bell, INFINITE); }

static DWORD WINAPI elsewhere(void *unused) {
	steOslocalElsewhere();
	return 0;
}

int ste_oslocal_elsewhere(void) {
	HANDLE thread = CreateThread(NULL, 0, elsewhere, NULL, 0, NULL);
	if (!thread) return GetLastError();
	CloseHandle(thread);
	return 0;
}

int ste_oslocal_key_new(uintptr_t *made) {
	DWORD k = FlsAlloc(NULL);
	*made = k;
	return k == FLS_OUT_OF_INDEXES ? ERROR_NO_SYSTEM_RESOURCES : 0;
}

void ste_oslocal_key_delete(uintptr_t k) { FlsFree(k); }

int ste_oslocal_key_set(uintptr_t k, uintptr_t value) {
	return FlsSetValue(k, (void *)value) ? 0 : ERROR_NOT_ENOUGH_MEMORY;
}
