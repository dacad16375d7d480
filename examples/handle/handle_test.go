//go:build cgo && linux

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every way but the finalizer's closes the handle on its own thread, and leaves
// none.
func TestEveryWay(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(&out))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 1+len(ways)+2)
	for _, line := range lines[1 : len(lines)-1] {
		require.Regexp(t, `  well +0$`, line)
	}
	require.Regexp(t, `finalizer +operation not permitted +1$`, lines[len(lines)-1])
}
