//go:build cgo

package oslocal_test

import (
	"testing"

	"github.com/ste-go/ste/internal/cgotest"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// O3: on Windows values belong to fibers, and are closed after these are deleted.
func TestO3Fibers(t *testing.T) {
	n := 0
	closed := make(chan int, 2)
	l := newLocal(t, func() (int, error) { n++; return n, nil }, func(v *int) error { closed <- *v; return nil })
	cgotest.Fibers(
		func() { assert.Equal(t, 1, *l.Get()) },
		func() { assert.Equal(t, 2, *l.Get()) },
		func() { assert.Equal(t, 2, testkit.Await(t, closed)) })
	require.Equal(t, 1, testkit.Await(t, closed))
}
