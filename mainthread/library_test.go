package mainthread_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// In a library func main never runs: Run says so, in an initialiser, in a call from
// C's main thread and on a goroutine, and the cure it names works.
func TestLibrary(t *testing.T) {
	host := testkit.Library(t, "c-archive")
	out, code := testkit.Output(t, exec.Command(host))
	require.Zero(t, code, out)
	const says = ": ste: mainthread.Run in a library (-buildmode=c-archive): "
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 4, out)
	for i, where := range []string{"initialiser", "call", "goroutine"} {
		require.True(t, strings.HasPrefix(lines[i], where+says), out)
		require.Contains(t, lines[i], "ste.Attach")
	}
	require.Equal(t, "Attach: on the main thread: true", lines[3])
}
