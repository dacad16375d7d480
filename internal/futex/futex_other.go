//go:build !linux || !go1.26

package futex

import "sync/atomic"

// Works is whether threads can sleep so: not where there is no such call for Go, and not
// before Go 1.26.
const Works = false

// Wait returns at once.
func Wait(*atomic.Uint32, uint32, int64) {}

// Wake does nothing.
func Wake(*atomic.Uint32) {}
