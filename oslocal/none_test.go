//go:build !cgo || !(unix || windows)

package oslocal_test

import (
	"errors"
	"testing"

	"github.com/ste-go/ste/oslocal"
	"github.com/stretchr/testify/require"
)

// O12: builds without cgo say why they cannot.
func TestO12NotSupported(t *testing.T) {
	l, err := oslocal.New(func() (int, error) { return 0, nil }, nil)
	require.Nil(t, l)
	require.ErrorIs(t, err, oslocal.ErrNotSupported)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "without cgo")
	require.Panics(t, func() { oslocal.New[int](nil, nil) })
}
