package trials

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// goCommand runs the go command of the host and returns its output.
func goCommand(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOOS=", "GOARCH=", "GOFLAGS=", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Library code imports the standard library, golang.org/x/sys and itself, and
// nothing that weighs on its users. internal/testkit is for tests only.
func TestPolicyImports(t *testing.T) {
	atRoot(t)
	allowed := regexp.MustCompile(`^([^./]+(/|$)|golang\.org/x/sys/|github\.com/ste-go/ste((/oslocal)?/internal/|$))`)
	heavy := regexp.MustCompile(`^(net|testing|os/exec|encoding/json|go)(/|$)`)
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if d.IsDir() && slices.Contains([]string{"benchmarks", "examples", "histories", ".git", "testdata", "testkit"}, d.Name()) {
			return filepath.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		files++
		for _, spec := range file.Imports {
			name := strings.Trim(spec.Path.Value, `"`)
			require.Regexp(t, allowed, name, path)
			require.NotRegexp(t, heavy, name, path)
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, files, 20)
}

// A wall clock that jumps moves nothing: the library reads the monotonic clock, by way
// of internal/prim, but for the times that a Tick tells.
func TestPolicyClock(t *testing.T) {
	atRoot(t)
	var reads []string
	for _, pattern := range []string{"*.go", "internal/inbox/*.go", "internal/prim/*.go", "mainthread/*.go", "oslocal/*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			for _, read := range regexp.MustCompile(`(time\.(Now|Since|Until)|\.Unix\w*|\.Round|context\.With(Timeout|Deadline)\w*)\(`).FindAllString(string(text), -1) {
				reads = append(reads, filepath.ToSlash(path)+" "+read)
			}
		}
	}
	require.ElementsMatch(t, []string{
		"internal/prim/plain.go time.Now(", // the epoch
		"internal/prim/plain.go time.Since(",
		"internal/prim/plain.go .Round(", // to tell the clock of a bubble
		"timer.go time.Now(",             // of a Tick
	}, reads)
}

// The exported API is what testdata/api.txt says, name by name. A change of it
// is a change of that file: go test ./internal/trials -run PolicyAPI -update
func TestPolicyAPI(t *testing.T) {
	atRoot(t)
	api, names := exportedAPI(t)
	if *update {
		require.NoError(t, os.WriteFile("testdata/api.txt", []byte(api), 0o666))
	}
	golden, err := os.ReadFile("testdata/api.txt")
	require.NoError(t, err)
	require.Equal(t, string(golden), api)
	require.LessOrEqual(t, names, 45)
}

// packageDoc is the documentation of what users get.
func packageDoc(t *testing.T) (*token.FileSet, *doc.Package) {
	fset := token.NewFileSet()
	var files []*ast.File
	sources, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range sources {
		if ships, err := build.Default.MatchFile(".", name); err != nil || !ships || strings.HasSuffix(name, "_test.go") {
			require.NoError(t, err)
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, 0)
		require.NoError(t, err)
		files = append(files, file)
	}
	pkg, err := doc.NewFromFiles(fset, files, "github.com/ste-go/ste")
	require.NoError(t, err)
	return fset, pkg
}

// exportedAPI lists the package's exported declarations without their bodies and
// comments, and counts the top-level names.
func exportedAPI(t *testing.T) (api string, names int) {
	fset, pkg := packageDoc(t)
	var out bytes.Buffer
	show := func(node any) {
		require.NoError(t, printer.Fprint(&out, fset, node))
		out.WriteString("\n\n")
	}
	values := func(list []*doc.Value) {
		for _, v := range list {
			names += len(v.Names)
			for _, s := range v.Decl.Specs {
				s.(*ast.ValueSpec).Values = nil
			}
			show(v.Decl)
		}
	}
	funcs := func(list []*doc.Func) {
		for _, f := range list {
			f.Decl.Body = nil
			show(f.Decl)
		}
	}
	values(pkg.Consts)
	values(pkg.Vars)
	names += len(pkg.Funcs)
	funcs(pkg.Funcs)
	for _, typ := range pkg.Types {
		names += 1 + len(typ.Funcs)
		ast.FileExports(&ast.File{Name: ast.NewIdent("x"), Decls: []ast.Decl{typ.Decl}})
		show(typ.Decl)
		values(typ.Consts)
		values(typ.Vars)
		funcs(typ.Funcs)
		funcs(typ.Methods)
	}
	return out.String(), names
}

// go vet reports a copy of every type that must not be copied.
func TestPolicyCopiesFailVet(t *testing.T) {
	atRoot(t)
	if testing.Short() {
		t.Log("needs the go command; runs without -short")
		return
	}
	dir, err := os.MkdirTemp("internal", "copies")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	types := []string{"Thread", "Tagged[int]", "Future[int]"}
	src := "package copies\n\nimport \"github.com/ste-go/ste\"\n"
	for i, typ := range types {
		src += fmt.Sprintf("\nfunc f%d(p *ste.%s) { v := *p; _ = v.Done }\n", i, typ)
	}
	src = strings.ReplaceAll(src, "p *ste.Tagged[int]) { v := *p; _ = v.Done }", "p *ste.Tagged[int]) { v := *p; _ = v.Get }")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "copies.go"), []byte(src), 0o666))
	out, err := goCommand(t, "vet", "./"+dir)
	require.Error(t, err)
	for _, typ := range types {
		name, _, _ := strings.Cut(typ, "[")
		require.Regexp(t, `assignment copies lock value to v: github.com/ste-go/ste\.`+name, out)
	}
}

// The number of dependencies that a user of the library gets is one.
func TestPolicyDependencies(t *testing.T) {
	atRoot(t)
	if testing.Short() {
		t.Log("needs the go command; runs without -short")
		return
	}
	out, err := goCommand(t, "list", "-deps", "-json=ImportPath,Standard,Module", ".")
	require.NoError(t, err, out)
	dec := json.NewDecoder(strings.NewReader(out))
	for dec.More() {
		var pkg struct {
			ImportPath string
			Standard   bool
			Module     struct{ Path string }
		}
		require.NoError(t, dec.Decode(&pkg))
		if !pkg.Standard {
			require.Contains(t, []string{"github.com/ste-go/ste", "golang.org/x/sys"}, pkg.Module.Path)
		}
	}
}

// Every promise of the design has its row in docs/promises.md, with the code,
// the test, the line that was broken and the test that went red; and what the
// row names exists.
func TestPolicyPromises(t *testing.T) {
	atRoot(t)
	text, err := os.ReadFile("docs/promises.md")
	require.NoError(t, err)
	tests := map[string]bool{}
	sources, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	inside, err := filepath.Glob("internal/*/*_test.go")
	require.NoError(t, err)
	sources = append(sources, inside...)
	testFunc := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, name := range sources {
		src, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, m := range testFunc.FindAllStringSubmatch(string(src), -1) {
			tests[m[1]] = true
		}
	}
	named := regexp.MustCompile("`(Test\\w+)`")
	code := regexp.MustCompile("`(\\w[\\w/]*\\.go)(?: ([\\w.]+))?`")
	seen := map[string]int{}
	for _, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		number := regexp.MustCompile(`^[BGT]\d+$`).FindString(cells[0])
		if number == "" {
			continue
		}
		seen[number]++
		require.Len(t, cells, 6, line)
		for i, cell := range cells {
			require.NotEmpty(t, strings.TrimSpace(cell), "%s, column %d", number, i+1)
		}
		require.Regexp(t, code, cells[2], "%s names no code", number)
		for _, m := range code.FindAllStringSubmatch(cells[2], -1) {
			src, err := os.ReadFile(m[1])
			require.NoError(t, err, number)
			if name := m[2]; name != "" {
				require.Contains(t, string(src), name[strings.LastIndex(name, ".")+1:], number)
			}
		}
		for _, column := range []int{3, 5} {
			require.Regexp(t, named, cells[column], "%s, column %d", number, column+1)
			for _, m := range named.FindAllStringSubmatch(cells[column], -1) {
				require.True(t, tests[m[1]], "%s: no test %s", number, m[1])
			}
		}
	}
	for _, want := range promises() {
		require.Positive(t, seen[want], "docs/promises.md has no row for %s", want)
	}
	require.Len(t, seen, len(promises()))
}

// A noun's tests lie in at most three files of under 600 lines each, noun_theme_test.go;
// what is of no single noun is here, but for the executor's tests, examples and benchmarks.
func TestPolicyTestFiles(t *testing.T) {
	atRoot(t)
	nouns := strings.Fields("thread submit future bound local timer tag tagged attach options errors worker job owned waker")
	of := map[string][]string{}
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Less(t, bytes.Count(text, []byte("\n")), 600, file)
		noun, _, _ := strings.Cut(file, "_")
		if !slices.Contains([]string{"executor", "example", "bench", "main", "export"}, noun) {
			require.Contains(t, nouns, noun, file)
			of[noun] = append(of[noun], file)
			require.LessOrEqual(t, len(of[noun]), 3, of[noun])
		}
	}
}

func promises() (numbers []string) {
	for i := range 16 {
		numbers = append(numbers, fmt.Sprint("T", i+1))
	}
	for i := range 5 {
		numbers = append(numbers, fmt.Sprint("G", i+1))
	}
	for i := range 2 {
		numbers = append(numbers, fmt.Sprint("B", i+1))
	}
	return numbers
}

// A program that uses the library can be linked with the instrumentation of
// go test -fuzz. (Inlined 64 times, the comparisons of UnlockOSThread once took
// more stack there than relock, which must not be preempted, may have.)
func TestPolicyLinksForFuzzing(t *testing.T) {
	atRoot(t)
	testkit.NeedLong(t, "compiles the tests, twice")
	if testkit.RaceEnabled {
		t.Skip("compiles the tests with the race detector too: one run, without it, is enough")
	}
	for _, race := range []string{"-race=false", "-race"} {
		out, err := goCommand(t, "test", "-c", race, "-o", os.DevNull, "-gcflags=github.com/ste-go/ste/...=-d=libfuzzer", ".")
		require.NoError(t, err, out)
	}
}
