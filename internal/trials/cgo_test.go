//go:build cgo

package trials

import (
	"runtime"
	"testing"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/cgotest"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// G1, T10: a callback that C makes on the Thread is on the Thread; one that C
// makes elsewhere is not.
func TestG1CgoCallback(t *testing.T) {
	th := start(t)
	var v *ste.Tagged[int]
	require.NoError(t, th.Submit(func() {
		v = ste.NewTagged(5)
		cgotest.CallFromC(func() {
			require.Equal(t, th.Tag(), ste.Current())
			require.Equal(t, 5, v.Get())
			ran := false
			require.NoError(t, th.Submit(func() { ran = true }))
			require.True(t, ran)
		})
	}))
	cgotest.CallFromC(func() {
		require.Equal(t, ste.Tag{}, ste.Current())
		require.False(t, v.OnThread())
		_, err := v.TryGet()
		require.Error(t, err)
	})
}

// T8, T1: panics travel through C frames to the waiting caller, and the Thread
// goes on where it was.
func TestT8ThroughC(t *testing.T) {
	th := start(t)
	tid := testkit.OSThreadOf(t, th)
	for range 100 {
		pe := testkit.PanicOf[*ste.PanicError](t, func() { th.Submit(func() { cgotest.CallFromC(func() { testkit.BoomFrame("from C") }) }) })
		require.Equal(t, "from C", pe.Value)
		require.Equal(t, tid, testkit.OSThreadOf(t, th))
	}
	testkit.Within(t, func() { th.Submit(runtime.Goexit) })
	require.Equal(t, tid, testkit.OSThreadOf(t, th))
}
