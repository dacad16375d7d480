package mainthread_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// In a library func main never runs: Run says so, in an initialiser, in a call from
// C's main thread and on a goroutine, and the cure it names works.
func TestLibrary(t *testing.T) {
	testkit.NeedProcesses(t)
	testkit.NeedLong(t, "builds a library")
	goEnv, err := exec.Command("go", "env", "GOHOSTOS", "GOHOSTARCH", "CGO_ENABLED").Output()
	if want := runtime.GOOS + "\n" + runtime.GOARCH + "\n1\n"; err != nil || string(goEnv) != want {
		t.Skipf("no go command with cgo for this system (%q, %v)", goEnv, err)
	}
	gcc, err := exec.LookPath("gcc")
	if err != nil || runtime.GOOS == "windows" {
		t.Skip("no gcc, or one that wants more than -lpthread")
	}
	dir := t.TempDir()
	archive, host := filepath.Join(dir, "library.a"), filepath.Join(dir, "host")
	build := func(name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
		out, code := testkit.Output(t, cmd)
		require.Zero(t, code, out)
	}
	build("go", "build", "-buildmode=c-archive", "-o", archive, "./testdata/library")
	build(gcc, "-o", host, filepath.Join("testdata", "library", "host", "host.c"), archive, "-lpthread")
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
