//go:build !linux

// Command netns lives in several network namespaces at once; it needs Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "netns: needs Linux: other systems have no network namespaces")
	os.Exit(1)
}
