package trials

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// In a library of a C program, whose threads and signal handlers are C's, and interrupt
// system calls: Threads that wait in the kernel, made there or attached, serve, and the
// process ends while one is asleep.
func TestKernelLibrary(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the C program is for Linux")
	}
	for _, mode := range []string{"c-archive", "c-shared"} {
		host := testkit.Library(t, mode)
		for range 3 {
			out, code := testkit.Output(t, exec.Command(host))
			require.Zero(t, code, "%s: %s", mode, out)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			require.Equal(t, "left asleep", lines[len(lines)-1])
			require.Equal(t, 3, strings.Count(out, "served\n"), out)
			require.Equal(t, 3, strings.Count(out, "attached\n"), out)
		}
	}
}
