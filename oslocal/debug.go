package oslocal

import (
	"bytes"
	"os"
	"runtime"
	"slices"
	"strings"
)

// debugging says that each Get is to look whether it means anything. Read only.
var debugging = slices.Contains(strings.Split(os.Getenv("STE_DEBUG"), ","), "oslocal")

// locked reports whether the calling goroutine stays on its thread, because of
// LockOSThread or because C called it. Go says so only in the header of a stack.
// Labels, which may say anything, follow the state: since Go 1.27, and with
// GODEBUG=tracebacklabels=1 in Go 1.26, where they are inside the brackets.
// goroutine 7 [running, locked to thread] {key: value}:
// goroutine 7 [running, locked to thread labels:{"key": "value"}]:
func locked() bool {
	var buf [256]byte
	state := buf[:runtime.Stack(buf[:], false)]
	if end := bytes.IndexAny(state, "]{"); end >= 0 {
		state = state[:end]
	}
	return bytes.Contains(state, []byte(", locked to thread"))
}
