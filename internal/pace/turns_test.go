package pace

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Others are let run when nobody seems to have had a turn for slice, and after sure in any
// case, counted from the first look, however old the process is.
func TestTurns(t *testing.T) {
	var u Turns
	now := int64(100 * sure)
	look := func(after int64) bool {
		now += after
		due := u.due(now)
		u.seen.Store(now)
		if due {
			u.made.Store(now)
		}
		return due
	}
	require.False(t, look(0), "the first look")
	for range int64(slice / lull) {
		require.False(t, look(lull), "before slice has passed")
	}
	require.True(t, look(lull), "after slice without a pause")
	for range int64(sure / (2 * lull)) {
		require.False(t, look(2*lull), "pauses are turns of others")
	}
	require.True(t, look(2*lull), "after sure in any case")
}
