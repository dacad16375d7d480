//go:build linux && ste_explore && !purego && (amd64 || arm64)

package osthread

import "github.com/ste-go/ste/internal/here"

// ID returns the address of the calling goroutine, which passes for its thread: the
// exploring build locks none. It asks often, and the address is quicker to have than the
// number in id_other.go; both mean something only while the goroutine lives.
func ID() uint64 { return uint64(here.Goroutine()) }

// StartupKnown says whether IsStartup can tell.
const StartupKnown = false

// IsStartup reports false for all: threads cannot be told apart here.
func IsStartup() bool { return false }
