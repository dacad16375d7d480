//go:build !race

package oslocal

const racing = false
