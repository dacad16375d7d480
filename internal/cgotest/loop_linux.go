//go:build cgo

package cgotest

/*
#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

extern int steTurn(uintptr_t);

// loop is a toolkit's event loop: it sleeps in epoll until somebody writes to fd.
static int loop(int fd, uintptr_t turn) {
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = {.events = EPOLLIN};
	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) != 0) return errno;
	while (steTurn(turn)) {
		uint64_t count;
		while (epoll_wait(ep, &ev, 1, -1) < 0)
			if (errno != EINTR) return errno;
		if (read(fd, &count, sizeof count) < 0) return errno;
	}
	close(ep);
	return 0;
}
static int make(void) { return eventfd(0, EFD_CLOEXEC); }
*/
import "C"

import (
	"fmt"
	"runtime/cgo"
	"syscall"
)

// A Loop is an event loop written in C.
type Loop struct{ fd C.int }

// NewLoop makes a Loop.
func NewLoop() *Loop {
	fd, err := C.make()
	if fd < 0 {
		panic(fmt.Sprint("cgotest: eventfd: ", err))
	}
	return &Loop{fd}
}

// Wake makes the loop turn.
func (l *Loop) Wake() {
	if _, err := syscall.Write(int(l.fd), []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		panic(err)
	}
}

// Run runs the loop on the current thread, and calls turn before it sleeps, until
// that says no.
func (l *Loop) Run(turn func() bool) {
	h := cgo.NewHandle(turn)
	defer h.Delete()
	if err := C.loop(l.fd, C.uintptr_t(h)); err != 0 {
		panic(syscall.Errno(err))
	}
}

// Close frees what the loop holds.
func (l *Loop) Close() { syscall.Close(int(l.fd)) }

//export steTurn
func steTurn(h C.uintptr_t) C.int {
	if cgo.Handle(h).Value().(func() bool)() {
		return 1
	}
	return 0
}
