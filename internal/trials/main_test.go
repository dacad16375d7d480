package trials

import (
	"path/filepath"
	"testing"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// start makes a Thread that is closed at the end of the test and whose OS thread
// must have ended after the tests.
func start(t testing.TB, opts ...ste.Option) *ste.Thread {
	t.Helper()
	th, err := ste.New(opts...)
	require.NoError(t, err)
	testkit.Keep(t, th)
	return th
}

var strategies = []ste.WaitStrategy{ste.WaitAdaptive, ste.WaitPark, ste.WaitSpin, ste.WaitKernel}

// atRoot lets the test work in the folder of the module.
func atRoot(t testing.TB) {
	t.Helper()
	t.Chdir(filepath.Join("..", ".."))
}
