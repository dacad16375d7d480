//go:build !cgo || !linux

// Command handle wraps a C handle; it needs cgo and Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "handle: needs Linux and cgo: install a C compiler and build with CGO_ENABLED=1")
	os.Exit(1)
}
