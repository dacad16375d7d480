package main

import (
	"syscall"
	"time"
)

// nap sleeps until t, which should be near: the goroutine keeps its OS thread
// meanwhile. Go's timers are up to 1 ms late on Linux, where they end with an
// epoll_wait in whole milliseconds; a nap was late by 0.08 ms.
func nap(t time.Time) {
	for {
		left := time.Until(t)
		if left <= 0 {
			return
		}
		ts := syscall.NsecToTimespec(int64(left))
		_ = syscall.Nanosleep(&ts, nil) // a signal ends it early; then once more
	}
}
