//go:build !unix

package testkit

import "os"

// quit ends the program: there is no SIGQUIT here to ask it for its goroutines.
func quit(p *os.Process) { _ = p.Kill() }
