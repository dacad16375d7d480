package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// Library builds testdata/library as a C library in this mode (c-archive or c-shared), and
// with it the C program testdata/library/host/host.c, which it returns. It skips t where
// there is no go command with cgo, or no gcc.
func Library(t testing.TB, mode string) (host string) {
	t.Helper()
	NeedProcesses(t)
	NeedLong(t, "builds a library")
	goEnv, err := exec.Command("go", "env", "GOHOSTOS", "GOHOSTARCH", "CGO_ENABLED").Output()
	if want := runtime.GOOS + "\n" + runtime.GOARCH + "\n1\n"; err != nil || string(goEnv) != want {
		t.Skipf("no go command with cgo for this system (%q, %v)", goEnv, err)
	}
	gcc, err := exec.LookPath("gcc")
	if err != nil || runtime.GOOS == "windows" {
		t.Skip("no gcc, or one that wants more than -lpthread")
	}
	dir := t.TempDir()
	host = filepath.Join(dir, "host")
	library := filepath.Join(dir, map[string]string{"c-archive": "library.a", "c-shared": "liblibrary.so"}[mode])
	for _, args := range [][]string{
		{"go", "build", "-buildmode=" + mode, "-o", library, "./testdata/library"},
		{gcc, "-o", host, filepath.Join("testdata", "library", "host", "host.c"), library, "-Wl,-rpath," + dir, "-lpthread"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
		out, code := Output(t, cmd)
		require.Zero(t, code, out)
	}
	return host
}
