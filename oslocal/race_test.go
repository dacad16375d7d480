//go:build race

package oslocal_test

const raced = true
