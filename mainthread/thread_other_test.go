//go:build !linux

package mainthread_test

import "github.com/ste-go/ste/internal/osthread"

// onMainThread reports whether the caller runs on the main OS thread, and true where
// threads cannot be told apart.
func onMainThread() bool { return osthread.IsStartup() || !osthread.StartupKnown }
