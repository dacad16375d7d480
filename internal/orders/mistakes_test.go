//go:build ste_explore

package orders_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// whichMutant says which of the mutants, counted from 1, a program of withMutants is.
const whichMutant = "STE_MUTANT"

// withMutants builds this package's tests once, with all mutants in them, and returns
// the program. A function has its body once more for each mistake in it:
//
//	if steMutant == 7 {
//		the body with the mistake
//	} else {
//		the body
//	}
func withMutants(t *testing.T) string {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	dir := t.TempDir()
	replace := map[string]string{}
	put := func(file, text string) {
		to := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		require.NoError(t, os.WriteFile(to, []byte(text), 0o666))
		replace[filepath.Join(root, file)] = to
	}
	for _, m := range mutants {
		path := filepath.Join(root, m.file)
		if replace[path] != "" {
			continue // grown by the first mutant of the file
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		name, grown := grow(t, m.file, path, string(text))
		put(m.file, grown)
		put(filepath.Dir(m.file)+"/ste_mutant.go", "package "+name+`

import (
	"os"
	"strconv"
)

var steMutant, _ = strconv.Atoi(os.Getenv("`+whichMutant+`"))
`)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	list, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "mutants.test")
	require.NoError(t, os.WriteFile(list, overlay, 0o666))
	out, err := exec.Command("go", "test", "-tags", "ste_explore", "-overlay", list, "-c", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "a mutant does not compile, named in place of the file:\n%s", out)
	return binary
}

// grow returns the text of file with all mistakes that are for it, and its package's name.
func grow(t *testing.T, file, path, text string) (name, grown string) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
	require.NoError(t, err)
	at := func(p token.Pos) int { return fset.Position(p).Offset }
	bodies := map[*ast.BlockStmt]string{} // with their mistakes
	for i, m := range mutants {
		if m.file != file {
			continue
		}
		require.Equal(t, 1, strings.Count(text, m.old), "%s: how often %s has the place of the mistake", m.name, file)
		from := strings.Index(text, m.old)
		to := from + len(m.old)
		var in *ast.BlockStmt
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil && at(f.Body.Lbrace) < from && to <= at(f.Body.Rbrace) {
				in = f.Body
			}
		}
		require.NotNil(t, in, "%s: the place of the mistake is in no function's body", m.name)
		bodies[in] += fmt.Sprintf("if steMutant == %d {\n//line %s:1\n%s%s%s\n} else ", i+1,
			m.name, text[at(in.Lbrace)+1:from], m.new, text[to:at(in.Rbrace)])
	}
	done := 0
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil || bodies[f.Body] == "" {
			continue
		}
		open, end := at(f.Body.Lbrace)+1, at(f.Body.Rbrace)
		grown += fmt.Sprintf("%s\n%s{\n//line %s:%d\n%s}\n//line %[3]s:%[6]d\n", text[done:open], bodies[f.Body],
			path, fset.Position(f.Body.Lbrace).Line, text[open:end], fset.Position(f.Body.Rbrace).Line)
		done = end
	}
	return parsed.Name.Name, grown + text[done:]
}
