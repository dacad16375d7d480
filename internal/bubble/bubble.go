// Package bubble tells whether the running goroutine belongs to a
// testing/synctest bubble.
//
// Channels made inside a bubble must not be touched from outside it (the
// runtime ends the process), so a Thread needs to know where its own channels
// and those of its callers come from. Go has no public call for that, so the package
// reads the header of a stack dump. It can be deleted when Go has one.
package bubble

import (
	"bytes"
	"fmt"
	"runtime"
	"time"
)

// Here reports whether the caller runs inside a bubble. It costs one clock
// reading outside of bubbles and a stack header inside.
func Here() bool { return Number() != 0 }

// Number returns the number of the bubble in which the caller runs, which no other
// bubble of this process ever has, and 0 outside of bubbles. It costs what Here does.
func Number() uint32 {
	// A bubble's clock has no monotonic part. That alone is a hint, not a
	// proof (a wall clock outside 1885..2157 lacks it too), so ask the
	// goroutine's own header as well.
	if now := time.Now(); now != now.Round(0) {
		return 0
	}
	var buf [256]byte
	return numberIn(buf[:runtime.Stack(buf[:], false)])
}

// numberIn finds a bubble's number in the header of a stack. Labels, which may say
// anything, follow the state: since Go 1.27, and with GODEBUG=tracebacklabels=1 in
// Go 1.26, where they are inside the brackets.
// goroutine 7 [running, synctest bubble 1] {key: value}:
// goroutine 7 [running, synctest bubble 1 labels:{"key": "value"}]:
func numberIn(state []byte) uint32 {
	if end := bytes.IndexAny(state, "]{"); end >= 0 {
		state = state[:end]
	}
	n := uint32(0)
	if _, number, found := bytes.Cut(state, []byte(", synctest bubble ")); found {
		_, _ = fmt.Sscanf(string(number), "%d", &n)
	}
	return n
}
