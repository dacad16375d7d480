package mainthread_test

import (
	"os"
	"syscall"
)

// onMainThread reports whether the caller runs on the main OS thread.
func onMainThread() bool { return syscall.Gettid() == os.Getpid() }
