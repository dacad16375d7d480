package ste

import (
	"fmt"
	"runtime"

	"github.com/ste-go/ste/internal/osthread"
)

// A task may call runtime.UnlockOSThread once too often, or LockOSThread, which
// is what every example for a C library begins with. The first must never move
// the Thread to another OS thread unnoticed (T1); the second must not disturb
// it either, and the runtime insists that a coroutine ends with the lock count
// it began with. So the Thread locks itself many times over, which makes stray
// unlocks harmless, and sets the count right again before it can run out.

const (
	// lockDepth is the Thread's lock count between tasks. A count of 1 would
	// leave a task unlocked after one stray call; 32 outlasts settleEvery tasks
	// with two stray unlocks each. One call costs about 3 ns (2-core x86-64
	// virtual machine, Go 1.26).
	lockDepth = 32

	// settleEvery is how many tasks may run, without a sleep between them, until
	// the count is set right. settle costs about 0.4 us there, so this spreads it
	// to less than 30 ns a task.
	settleEvery = 16

	// lockRepair is how many stray locks are undone when a coroutine ends, the
	// last moment to undo what tasks have piled up: 256 cost about 1 us. Beyond
	// it the runtime ends the process and says that the locking does not match.
	lockRepair = 256
)

// settle ends the process if the Thread has been moved to another OS thread, and
// otherwise sets its lock count to lockDepth, undoing up to strays more.
func (w *worker) settle(strays int) {
	if osthread.ID() != w.tid {
		crash(fmt.Errorf("ste: T1 broken on %v: a task called runtime.UnlockOSThread more often than LockOSThread, and the Go runtime moved it to another OS thread", tagOf(w.id)))
	}
	setLockDepth(strays)
}

// setLockDepth brings the goroutine's lock count to lockDepth if it was at most
// strays above it. Between the last unlock and the first lock the goroutine is
// on its own; being nosplit keeps the runtime from preempting it there (the
// compiler allows no asynchronous preemption in nosplit functions, and those
// called here are nosplit too).
//
//go:nosplit
func setLockDepth(strays int) {
	for range lockDepth + strays {
		runtime.UnlockOSThread() // does nothing at zero
	}
	for range lockDepth {
		runtime.LockOSThread()
	}
}
