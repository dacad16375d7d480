//go:build cgo && unix

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "oslocal.h"

extern void steOslocalElsewhere(void);

// A record is what the key keeps for a thread. It belongs to the thread until
// its destructor puts it on the list, and to the releasing goroutine from then.
struct record {
	struct record *next;
	uint64_t number;
};

static pthread_key_t key;
static int bell = -1;

// dead is the list of records whose threads have ended, newest first. Destructors
// push (release: number and next can be read by who takes), the releasing
// goroutine takes all there is (acquire), so nothing is ever popped alone and no
// record can come back under a push (no ABA).
static _Atomic(struct record *) dead;

static void ring(void) {
	int saved = errno;
	// A full pipe (EAGAIN) holds bytes that will wake the reader.
	while (write(bell, "", 1) < 0 && errno == EINTR) {}
	errno = saved;
}

static void push(struct record *r) {
	struct record *first = atomic_load_explicit(&dead, memory_order_relaxed);
	do {
		r->next = first;
	} while (!atomic_compare_exchange_weak_explicit(&dead, &first, r, memory_order_release, memory_order_relaxed));
	// Whoever finds the list empty rings. The reader takes the list after it
	// has read the byte, so what is pushed to a list that is not empty goes
	// with a byte that is still to be read, or to be written.
	if (!first) ring();
}

// STE_OSLOCAL_KEY_ONLY (in CGO_CFLAGS) is for trying out what other systems use.
#if defined(__linux__) && !defined(__ANDROID__) && (defined(__x86_64__) || defined(__aarch64__)) && !defined(STE_OSLOCAL_KEY_ONLY)

// The word is a variable of the thread as well as a value of the key: Go can read
// a variable without calling C (see internal/threadword), and it outlasts every
// round of destructors, so that what asks after ours is told that it is late.
static __thread uint64_t word __attribute__((tls_model("initial-exec")));

int64_t ste_oslocal_offset(void) {
	char *pointer;
#ifdef __x86_64__
	__asm__("mov %%fs:0, %0" : "=r"(pointer));
#else
	__asm__("mrs %0, tpidr_el0" : "=r"(pointer));
#endif
	return (char *)&word - pointer;
}

static void ended(void *p) {
	word = STE_OSLOCAL_ENDED;
	push(p);
}

uint64_t ste_oslocal_word(void) { return word; }

uintptr_t ste_oslocal_swap(uint64_t number) {
	uintptr_t old = word;
	word = number;
	return old;
}

void ste_oslocal_restore(uintptr_t old) { word = old; }

static void noted(uint64_t number) { word = number; }

#else

// FreeBSD complains of values left after the last round.
#ifdef __FreeBSD__
enum { rounds = PTHREAD_DESTRUCTOR_ITERATIONS - 1 };
#elif defined(PTHREAD_DESTRUCTOR_ITERATIONS)
enum { rounds = PTHREAD_DESTRUCTOR_ITERATIONS };
#else
enum { rounds = _POSIX_THREAD_DESTRUCTOR_ITERATIONS };
#endif

// late[i] is the key's value after its destructor has run i+1 times, so that what
// asks after it is told that it is late. It ends there: systems may go on for as
// long as there are values.
static struct record late[rounds];

int64_t ste_oslocal_offset(void) { return 0; }

static void ended(void *p) {
	struct record *r = p;
	int next = 0;
	if (r >= late && r < late + rounds) next = r - late + 1;
	if (next < rounds) {
		late[next].number = STE_OSLOCAL_ENDED;
		pthread_setspecific(key, &late[next]);
	}
	if (next == 0) push(r);
}

uint64_t ste_oslocal_word(void) {
	struct record *r = pthread_getspecific(key);
	return r ? r->number : 0;
}

uintptr_t ste_oslocal_swap(uint64_t number) {
	struct record *old = pthread_getspecific(key);
	struct record *r = malloc(sizeof *r);
	if (r) r->number = number;
	if (!r || pthread_setspecific(key, r)) {
		fputs("oslocal: out of memory\n", stderr);
		abort();
	}
	return (uintptr_t)old;
}

void ste_oslocal_restore(uintptr_t old) {
	free(pthread_getspecific(key));
	pthread_setspecific(key, (void *)old);
}

static void noted(uint64_t number) {}

#endif

int ste_oslocal_setup(int fd) {
	bell = fd;
	return pthread_key_create(&key, ended);
}

int ste_oslocal_attach(uint64_t number) {
	if (ste_oslocal_word()) return 0;
	struct record *r = malloc(sizeof *r);
	if (!r) return ENOMEM;
	r->number = number;
	int err = pthread_setspecific(key, r);
	if (err) {
		free(r);
		return err;
	}
	noted(number);
	return 0;
}

int ste_oslocal_take(uint64_t *numbers, int n) {
	static struct record *taken;
	int i = 0;
	while (i < n) {
		if (!taken) taken = atomic_exchange_explicit(&dead, NULL, memory_order_acquire);
		if (!taken) break;
		struct record *r = taken;
		taken = r->next;
		numbers[i++] = r->number;
		free(r);
	}
	return i;
}

void ste_oslocal_wake(void) { ring(); }

static void *elsewhere(void *unused) {
	steOslocalElsewhere();
	return unused;
}

int ste_oslocal_elsewhere(void) {
	pthread_t id;
	int err = pthread_create(&id, NULL, elsewhere, NULL);
	return err ? err : pthread_detach(id);
}

int ste_oslocal_key_new(uintptr_t *made) {
	pthread_key_t k;
	int err = pthread_key_create(&k, NULL);
	*made = k;
	return err;
}

void ste_oslocal_key_delete(uintptr_t k) { pthread_key_delete(k); }

int ste_oslocal_key_set(uintptr_t k, uintptr_t value) { return pthread_setspecific(k, (void *)value); }
