//go:build unix

package testkit

import (
	"os"
	"syscall"
)

// quit lets a Go program print its goroutines and end.
func quit(p *os.Process) { _ = p.Signal(syscall.SIGQUIT) }
