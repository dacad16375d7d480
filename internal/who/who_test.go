package who_test

import (
	"runtime"
	"testing"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/who"
	"github.com/stretchr/testify/require"
)

// The number of the OS thread that Current has read is a new Thread's by now.
func TestG1CurrentIsNoGuess(t *testing.T) {
	th, err := ste.New()
	require.NoError(t, err)
	defer th.Close()
	var id *who.ID
	require.NoError(t, th.Submit(func() { id = who.Current() }))
	require.NotNil(t, id)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	who.Pretend(id, func() {
		require.Zero(t, ste.Current())
		require.False(t, th.OnThread())
		require.NoError(t, th.Submit(func() { require.Equal(t, th.Tag(), ste.Current()) }))
	})
}
