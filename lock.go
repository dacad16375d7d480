package ste

import (
	"fmt"
	"runtime"

	"github.com/ste-go/ste/internal/inbox"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/internal/prim"
)

// A task may call runtime.UnlockOSThread once too often, or LockOSThread, which
// is what every example for a C library begins with. The first must never move
// the Thread to another OS thread unnoticed (T1); the second must not disturb
// it either, and the runtime insists that a coroutine ends with the lock count
// it began with. So the Thread locks itself many times over, which makes stray
// unlocks harmless, and sets the count right again before it can run out.

const (
	// lockDepth is the Thread's lock count between tasks. A count of 1 would
	// leave a task unlocked after one stray call.
	lockDepth = 32

	// settleEvery is how many tasks may run until the count is set right: two
	// stray unlocks in each must leave some of lockDepth. settle costs about
	// 0.2 us (2-core x86-64 virtual machine, Go 1.26), so this spreads it to less
	// than 15 ns a task.
	settleEvery = 15
	_           = uint(lockDepth - 2*settleEvery - 1)
	_           = uint(settleEvery - inbox.Chunk)

	// strayLocks is how many surplus locks one setLockDepth undoes: two for each
	// of settleEvery tasks.
	strayLocks = 32

	// When a coroutine ends, the last moment to undo what its tasks have piled
	// up, setLockDepth is repeated: often enough for a task or init that locks a
	// thousand times, and then in proportion to the tasks it ran, up to what
	// costs some 0.3 ms. Beyond that the runtime ends the process and says that
	// the OS thread locking does not match.
	repairBase = 1024 / strayLocks
	repairMost = 1024
)

// threads is whether locking means anything here: not where there is one OS thread,
// nor in the exploring build, where each goroutine passes for a thread.
const threads = runtime.GOARCH != "wasm" && !prim.Exploring

// lockForGood locks the goroutine lockDepth times.
func lockForGood() {
	if threads {
		setLockDepth()
	}
}

// check ends the process if the Thread has been moved to another OS thread.
func (w *worker) check() { w.checkIs(w.id.tid.Load()) }

// checkIs is check for a Thread whose OS thread is, or was, tid.
func (w *worker) checkIs(tid uint64) {
	if threads && osthread.Self() != tid {
		crash(fmt.Errorf("ste: %v has lost its OS thread: a task called runtime.UnlockOSThread more often than LockOSThread; remove the surplus calls", tagOf(w.id)))
	}
}

// settle is check, and brings the lock count back to lockDepth.
func (w *worker) settle() {
	w.since = 0
	if threads {
		w.check()
		setLockDepth()
	}
}

// lockMore and unlockMore go round what runs where the lock count is somebody
// else's: they leave it as it was, and stray unlocks in between do not free the
// goroutine.
func lockMore() {
	if threads {
		for range lockDepth {
			runtime.LockOSThread()
		}
	}
}

func unlockMore() {
	if threads {
		for range lockDepth {
			runtime.UnlockOSThread()
		}
	}
}

// repair is settle for the end of a coroutine.
func (w *worker) repair() {
	w.settle()
	if !threads || w.runs == 0 && len(w.extras.hooks) == 0 {
		return
	}
	for range min(repairBase+w.runs/2, repairMost) {
		setLockDepth()
	}
}

// resetLocks sets the count right around a hook that is not in the middle of a user's
// task; the tasks before it may have left up to a thousand locks.
func resetLocks() {
	if threads {
		for range repairBase {
			setLockDepth()
		}
	}
}

// setLockDepth brings the goroutine's lock count to lockDepth, or strayLocks
// closer to it from above.
func setLockDepth() {
	relock()
	for range lockDepth - 1 {
		runtime.LockOSThread()
	}
}
