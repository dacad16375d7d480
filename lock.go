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

	// When a coroutine ends, the last moment to undo what its tasks have piled
	// up, so many stray locks are undone: some thousand, for a task or init that
	// locks in a loop (1,024 cost about 3 us), and for each task that the
	// coroutine ran as many as nobody adds by mistake, up to what costs about
	// 0.4 ms. Beyond that the runtime ends the process and says that the OS
	// thread locking does not match.
	repairBase    = 1 << 10
	repairPerTask = 1 << 6
	repairMost    = 1 << 17
)

// repair is how many stray locks are undone after a coroutine that ran so many
// tasks.
func repair(tasks uint64) int {
	return int(min(repairBase+tasks*repairPerTask, repairMost))
}

// settle ends the process if the Thread has been moved to another OS thread, and
// otherwise sets its lock count to lockDepth, undoing up to strays more.
func (w *worker) settle(strays int) {
	if osthread.ID() != w.tid {
		crash(fmt.Errorf("ste: %v has lost its OS thread: a task called runtime.UnlockOSThread more often than LockOSThread; remove the surplus calls", tagOf(w.id)))
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
