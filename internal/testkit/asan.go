//go:build asan

package testkit

const asanEnabled = true
