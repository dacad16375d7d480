//go:build freebsd || openbsd || netbsd || dragonfly

package osthread

const exitCrashes = true
