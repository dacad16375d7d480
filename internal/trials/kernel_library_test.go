package trials

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

// In a library of a C program, whose threads and signal handlers are C's, and interrupt
// system calls: Threads that wait in the kernel, made there or attached, serve, and the
// process ends while one is asleep.
func TestKernelLibrary(t *testing.T) {
	testkit.NeedProcesses(t)
	testkit.NeedLong(t, "builds a library")
	goEnv, err := exec.Command("go", "env", "GOHOSTOS", "GOHOSTARCH", "CGO_ENABLED").Output()
	if want := runtime.GOOS + "\n" + runtime.GOARCH + "\n1\n"; err != nil || string(goEnv) != want {
		t.Skipf("no go command with cgo for this system (%q, %v)", goEnv, err)
	}
	gcc, err := exec.LookPath("gcc")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("no gcc, or another system than the C program is for")
	}
	dir := t.TempDir()
	host := filepath.Join(dir, "host")
	build := func(name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
		out, code := testkit.Output(t, cmd)
		require.Zero(t, code, out)
	}
	for mode, library := range map[string]string{"c-archive": "library.a", "c-shared": "liblibrary.so"} {
		library = filepath.Join(dir, library)
		build("go", "build", "-buildmode="+mode, "-o", library, "./testdata/library")
		build(gcc, "-o", host, filepath.Join("testdata", "library", "host", "host.c"), library, "-Wl,-rpath,"+dir, "-lpthread")
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
