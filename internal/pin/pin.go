// Package pin keeps a goroutine on its OS thread, whatever the code that it runs does with
// runtime.LockOSThread and runtime.UnlockOSThread.
//
// A task may call runtime.UnlockOSThread once too often, or LockOSThread, which
// is what every example for a C library begins with. The first must never move
// the Thread to another OS thread unnoticed (T1); the second must not disturb
// it either, and the runtime insists that a coroutine ends with the lock count
// it began with. So the Thread locks itself many times over, which makes stray
// unlocks harmless, and sets the count right again before it can run out.
package pin

import (
	"runtime"

	"github.com/ste-go/ste/internal/prim"
)

const (
	// Depth is the Thread's lock count between tasks. A count of 1 would
	// leave a task unlocked after one stray call.
	Depth = 32

	// Every is how many tasks may run until the count is set right: two
	// stray unlocks in each must leave some of Depth. Set costs about
	// 0.2 us (2-core x86-64 virtual machine, Go 1.26), so this spreads it to less
	// than 15 ns a task.
	Every = 15
	_     = uint(Depth - 2*Every - 1)

	// strays is how many surplus locks one Set undoes: two for each of Every tasks.
	strays = 32

	// When a coroutine ends, the last moment to undo what its tasks have piled
	// up, Set is repeated: often enough for a task or init that locks a
	// thousand times, and then in proportion to the tasks it ran, up to what
	// costs some 0.3 ms. Beyond that the runtime ends the process and says that
	// the OS thread locking does not match.
	repairBase = 1024 / strays
	repairMost = 1024
)

// Works is whether locking means anything here: not where there is one OS thread,
// nor in the exploring build, where each goroutine passes for a thread.
const Works = runtime.GOARCH != "wasm" && !prim.Exploring

// Set brings the goroutine's lock count to Depth, or strays closer to it from above.
func Set() {
	if Works {
		relock()
		for range Depth - 1 {
			runtime.LockOSThread()
		}
	}
}

// Repair is Set for the end of a coroutine in which so many tasks have run. With 0 it is
// Set around a hook that is not in the middle of a user's task: the tasks before it may
// have left up to a thousand locks.
func Repair(tasks uint32) {
	for range min(repairBase+tasks/2, repairMost) {
		Set()
	}
}

// More and Less go round what runs where the lock count is somebody else's: they
// leave it as it was, and stray unlocks in between do not free the goroutine.
func More() {
	if Works {
		for range Depth {
			runtime.LockOSThread()
		}
	}
}

// Less undoes More.
func Less() {
	if Works {
		for range Depth {
			runtime.UnlockOSThread()
		}
	}
}
