//go:build !linux

// Command mainloop has a loop that sleeps in epoll; it needs Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "mainloop: needs Linux: the loop sleeps in epoll")
	os.Exit(1)
}
