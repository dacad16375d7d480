package trials

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rooms are the packages of the machine, from the lowest to the highest, as
// docs/design.md draws them. Each uses only what stands before it.
var rooms = []string{
	"internal/opaque", "internal/futex", "internal/bubble", "internal/here", "internal/osthread", "internal/explore",
	"internal/prim", "internal/pin", "internal/slots", "internal/timers", "internal/who",
	"internal/pace", "internal/inbox",
	".", "mainthread",
	"oslocal/internal/threadword", "oslocal",
}

// No room calls upwards, and every package is a room or is for tests.
func TestPolicyRooms(t *testing.T) {
	atRoot(t)
	const module = "github.com/ste-go/ste"
	height := map[string]int{}
	for i, room := range rooms {
		height[room] = i
		files, err := filepath.Glob(filepath.Join(room, "*.go"))
		require.NoError(t, err)
		read := 0
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			read++
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			require.NoError(t, err)
			for _, spec := range file.Imports {
				below, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module)
				if !ours {
					continue
				}
				if below = strings.TrimPrefix(below, "/"); below == "" {
					below = "."
				}
				at, known := height[below]
				require.True(t, known && at < i, "%s uses %s, which does not stand below it", path, below)
			}
		}
		require.Positive(t, read, "%s is no room", room)
	}
	for _, parent := range []string{"internal", "oslocal/internal"} {
		entries, err := os.ReadDir(parent)
		require.NoError(t, err)
		for _, e := range entries {
			switch e.Name() {
			case "byhand", "cgotest", "orders", "testkit", "trials": // for tests
				continue
			}
			require.Contains(t, height, parent+"/"+e.Name())
		}
	}
	// At the root: the nouns, and the rooms of the machine.
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	code := 0
	for _, path := range files {
		if !strings.HasSuffix(path, "_test.go") {
			code++
		}
	}
	require.LessOrEqual(t, code, 17)
}
