//go:build !asan

package testkit

const asanEnabled = false
