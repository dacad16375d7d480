//go:build !(cgo && linux)

package main

import "time"

const cMissing = "The C limits are left out: they need Linux and cgo (CGO_ENABLED=1 and a C compiler)."

func cSpin(time.Duration) (float64, error)  { panic(cMissing) }
func cFutex(time.Duration) (float64, error) { panic(cMissing) }

func cPaused(time.Duration, []int64) error { panic(cMissing) }
