package trials

import (
	"bytes"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fence matches a block of Go in a document, and the block of text right behind
// it if there is one.
var fence = regexp.MustCompile("(?ms)^```go( fragment)?\n(.*?)^```$(?:\n+```text\n(.*?)^```$)?")

// TestDocs checks the Go in README.md and docs. A block is a complete file,
// which must compile; a program followed by a block of text must print exactly
// that text, and a test file must pass. A block marked "go fragment" is
// statements, which are parsed only.
//
// With -short, and where there is no go command or it makes programs for
// another system than this test's, nothing is built: every block is parsed.
func TestDocs(t *testing.T) {
	atRoot(t)
	dir := "" // nothing is written with -short
	if !testing.Short() {
		dir = t.TempDir()
	}
	outputs := map[string]string{} // of programs, by the name of their folder
	var cgo []string               // the folders that need it
	files, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	for _, file := range append(files, "README.md") {
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
		blocks := fence.FindAllSubmatchIndex(text, -1)
		require.Equal(t, bytes.Count(text, []byte("```go")), len(blocks), "%s: a block is not closed, or marked in an unknown way", file)
		for _, at := range blocks {
			code, fragment := text[at[4]:at[5]], at[2] >= 0
			name := fmt.Sprint(strings.TrimSuffix(filepath.Base(file), ".md"), "_", 1+bytes.Count(text[:at[4]], []byte("\n")))
			formatted, err := format.Source(code)
			require.NoError(t, err, name)
			require.Equal(t, string(formatted), string(code), "%s: not as gofmt has it", name)
			if fragment {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, code, 0)
			require.NoError(t, err, "neither a complete file nor marked \"go fragment\"")
			source := "x.go"
			if strings.HasSuffix(f.Name.Name, "_test") {
				source = "x_test.go"
			}
			if testing.Short() {
				continue
			}
			require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o777))
			require.NoError(t, os.WriteFile(filepath.Join(dir, name, source), code, 0o666))
			if f.Name.Name == "main" && at[6] >= 0 {
				outputs[name] = string(text[at[6]:at[7]])
			}
			if bytes.Contains(code, []byte(`import "C"`)) {
				cgo = append(cgo, name)
			}
		}
	}

	if testing.Short() {
		t.Skip("-short: blocks parsed, not built")
	}
	env, err := exec.Command("go", "env", "GOHOSTOS", "GOHOSTARCH", "CGO_ENABLED").Output()
	if want := runtime.GOOS + "\n" + runtime.GOARCH + "\n"; err != nil || !strings.HasPrefix(string(env), want) {
		t.Skipf("blocks parsed, not built: no go command of this system (%q, %v)", env, err)
	}
	if strings.HasSuffix(string(env), "\n0\n") {
		for _, name := range cgo {
			t.Log(name, "parsed, not built: no cgo here")
			require.NoError(t, os.RemoveAll(filepath.Join(dir, name)))
			delete(outputs, name)
		}
	}

	// The blocks are a module that needs this one and what this one needs.
	root, err := os.Getwd()
	require.NoError(t, err)
	mod, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	const path = "github.com/ste-go/ste"
	mod = bytes.Replace(mod, []byte("module "+path), []byte("module docs"), 1)
	mod = fmt.Appendf(mod, "\nrequire %s v0.0.0\nreplace %[1]s => %q\n", path, filepath.ToSlash(root))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), mod, 0o666))
	sum, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o666))

	run := func(args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "STE_DEBUG=")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "go %v: (folders are document_line)\n%s", args, out)
		return strings.ReplaceAll(string(out), "\r\n", "\n")
	}
	run("vet", "./...")
	run("test", "-vet=off", "./...")
	for name, want := range outputs {
		require.Equal(t, want, run("run", "./"+name), name)
	}
}

// What README.md, CONTRIBUTING.md, benchmarks/README.md and docs name in backticks is
// there: files, a name that a file declares, folders of internal, tests. A page about a
// folder, docs/oslocal.md and benchmarks/README.md, may name that one's files bare.
func TestPolicyDocsNames(t *testing.T) {
	atRoot(t)
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	tests := testNames(t)
	code := regexp.MustCompile("`([\\w/]+\\.(?:go|c|h|s))(?: ([\\w.]+))?`")
	place := regexp.MustCompile("`((?:internal|benchmarks|examples|scripts|mainthread|oslocal)/[\\w/.]*)[` ]")
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`")
	files := 0
	for _, page := range append(pages, "README.md", "CONTRIBUTING.md", "benchmarks/README.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		about := map[string]string{"docs/oslocal.md": "oslocal", "benchmarks/README.md": "benchmarks"}[filepath.ToSlash(page)]
		n := 0
		for line := range strings.Lines(string(text)) {
			n++
			for _, m := range code.FindAllStringSubmatch(line, -1) {
				require.True(t, declares(t, m[1], m[2]) || about != "" && declares(t, about+"/"+m[1], m[2]),
					"%s:%d: %s", page, n, m[0])
				files++
			}
			for _, m := range place.FindAllStringSubmatch(line, -1) {
				_, err := os.Stat(m[1])
				if err != nil {
					_, err = os.Stat(filepath.Join(about, m[1]))
				}
				require.NoError(t, err, "%s:%d", page, n)
			}
			for _, m := range named.FindAllStringSubmatch(line, -1) {
				require.True(t, tests[m[1]], "%s:%d: no test %s", page, n, m[1])
			}
		}
	}
	require.Greater(t, files, 100)
}

// declares reports whether there is such a file, and the name in it unless that is "".
func declares(t *testing.T, file, name string) bool {
	text, err := os.ReadFile(file)
	switch {
	case err != nil:
		return false
	case name == "":
		return true
	case !strings.HasSuffix(file, ".go"):
		return regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`).Match(text)
	}
	return len(linesOf(t, file, name)) > 0
}
