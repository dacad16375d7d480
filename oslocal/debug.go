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
// LockOSThread or because C called it. Go says so only in the header of a stack:
// goroutine 7 [running, locked to thread]:
func locked() bool {
	var buf [256]byte
	header, _, _ := bytes.Cut(buf[:runtime.Stack(buf[:], false)], []byte("\n"))
	return bytes.Contains(header, []byte("locked to thread"))
}
