//go:build !linux

package main

import "time"

// nap sleeps until t. The timers of this system are as sharp as its sleep.
func nap(t time.Time) { time.Sleep(time.Until(t)) }
