//go:build cgo && linux

package main

/*
#cgo CFLAGS: -O2 -Wall
#cgo LDFLAGS: -lpthread
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

// The ball is 1 in the server's court and 0 in the client's; 2 ends the game.
// It has a cache line of its own.
struct court {
	_Alignas(128) _Atomic uint32_t ball;
	_Alignas(128) int futex;
};

static void sleep_while(struct court *c, uint32_t old) {
	syscall(SYS_futex, &c->ball, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
}

static void hit(struct court *c, uint32_t to) {
	atomic_store_explicit(&c->ball, to, memory_order_release);
	if (c->futex)
		syscall(SYS_futex, &c->ball, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

// await returns when the ball has left old.
static uint32_t await(struct court *c, uint32_t old) {
	uint32_t b;
	while ((b = atomic_load_explicit(&c->ball, memory_order_acquire)) == old) {
		if (c->futex)
			sleep_while(c, old);
		else
			relax();
	}
	return b;
}

static void *serve(void *arg) {
	struct court *c = arg;
	while (await(c, 0) == 1)
		hit(c, 0);
	return NULL;
}

struct game {
	struct court court;
	int64_t ns;
	double mean;
};

static void *play(void *arg) {
	struct game *g = arg;
	pthread_t server;
	if (pthread_create(&server, NULL, serve, &g->court))
		return NULL;
	for (int i = 0; i < 16; i++) { // the server has started
		hit(&g->court, 1);
		await(&g->court, 1);
	}
	int64_t n = 0, from = now(), took;
	do {
		for (int i = 0; i < 16; i++) {
			hit(&g->court, 1);
			await(&g->court, 1);
		}
		n += 16;
	} while ((took = now() - from) < g->ns);
	g->mean = (double)took / n;
	hit(&g->court, 2);
	pthread_join(server, NULL);
	return NULL;
}

// ping_pong returns the mean round trip between two fresh threads, or -1. The
// caller's thread sleeps meanwhile: it belongs to Go.
static double ping_pong(int64_t ns, int futex) {
	struct game g = {.court = {.futex = futex}, .ns = ns, .mean = -1};
	pthread_t client;
	if (pthread_create(&client, NULL, play, &g))
		return -1;
	pthread_join(client, NULL);
	return g.mean;
}

// A visit is a game of single round trips through a futex, each after a sleep: both
// threads have to be woken in each.
struct visit {
	struct court court;
	int64_t pause; // ns
	int n, made;
	int64_t *took; // ns of each
};

static void *call(void *arg) {
	struct visit *v = arg;
	struct timespec pause = {v->pause / INT64_C(1000000000), v->pause % INT64_C(1000000000)};
	pthread_t server;
	if (pthread_create(&server, NULL, serve, &v->court))
		return NULL;
	hit(&v->court, 1); // the server has started
	await(&v->court, 1);
	for (; v->made < v->n; v->made++) {
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		int64_t from = now();
		hit(&v->court, 1);
		await(&v->court, 1);
		v->took[v->made] = now() - from;
	}
	hit(&v->court, 2);
	pthread_join(server, NULL);
	return NULL;
}

// pause_and_call fills took with the times of n round trips between two fresh
// threads, and returns how many there were.
static int pause_and_call(int64_t pause, int n, int64_t *took) {
	struct visit v = {.court = {.futex = 1}, .pause = pause, .n = n, .took = took};
	pthread_t client;
	if (pthread_create(&client, NULL, call, &v))
		return 0;
	pthread_join(client, NULL);
	return v.made;
}
*/
import "C"

import (
	"errors"
	"time"
)

const cMissing = ""

var errNoThread = errors.New("no thread could be made in C")

func cSpin(d time.Duration) (ns float64, err error)  { return game(d, 0) }
func cFutex(d time.Duration) (ns float64, err error) { return game(d, 1) }

func game(d time.Duration, futex C.int) (float64, error) {
	ns := float64(C.ping_pong(C.int64_t(d), futex))
	if ns < 0 {
		return 0, errNoThread
	}
	return ns, nil
}

// cPaused fills took with the times of round trips through a futex, each after a
// pause.
func cPaused(pause time.Duration, took []int64) error {
	if n := C.pause_and_call(C.int64_t(pause), C.int(len(took)), (*C.int64_t)(&took[0])); int(n) < len(took) {
		return errNoThread
	}
	return nil
}
