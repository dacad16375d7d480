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

// Every promise has its row in docs/promises.md and in docs/broken.md, and what they
// name exists; and the place that docs/promises.md names has the one comment in library
// code that begins with the number.
func TestPolicyPromises(t *testing.T) {
	atRoot(t)
	tests, at := testNames(t), promiseLines(t)
	named := regexp.MustCompile("`(Test\\w+)`")
	code := regexp.MustCompile("`([\\w/]+\\.go) (\\w+)`")
	for page, columns := range map[string]int{"docs/promises.md": 4, "docs/broken.md": 5} {
		var numbers []string
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			cells := strings.Split(strings.Trim(line, "| \r\n"), " | ")
			number := cells[0]
			if !regexp.MustCompile(`^[A-Z]\d+$`).MatchString(number) {
				continue
			}
			numbers = append(numbers, number)
			require.Len(t, cells, columns, line)
			for i, cell := range cells {
				require.NotEmpty(t, strings.TrimSpace(cell), "%s, %s, column %d", page, number, i+1)
			}
			for _, m := range named.FindAllStringSubmatch(line, -1) {
				require.True(t, tests[m[1]], "%s, %s: no test %s", page, number, m[1])
			}
			require.Regexp(t, named, cells[len(cells)-1], "%s, %s: no test", page, number)
			places := code.FindAllStringSubmatch(line, -1)
			require.NotEmpty(t, places, "%s, %s: no code", page, number)
			for _, m := range places {
				require.NotEmpty(t, linesOf(t, m[1], m[2]), "%s, %s: no %s in %s", page, number, m[2], m[1])
			}
			if page == "docs/promises.md" {
				require.Len(t, places, 1, number)
				require.Len(t, at[number], 1, "comments in library code that begin with %s:", number)
				file, name, here := places[0][1], places[0][2], at[number][0]
				require.Equal(t, file, here.Filename, number)
				require.True(t, slices.ContainsFunc(linesOf(t, file, name), func(of [2]int) bool {
					return of[0] <= here.Line && here.Line <= of[1]
				}), "%v: %s is not in %s", here, number, name)
			}
		}
		require.Equal(t, promises(), numbers, page)
	}
	for number, lines := range at {
		require.Contains(t, promises(), number, "%v: no such promise", lines)
	}
}

// promises are the numbers that there are, in their order.
func promises() (numbers []string) {
	for _, s := range []struct {
		letter string
		n      int
	}{{"T", 16}, {"G", 5}, {"B", 2}, {"L", 6}, {"A", 4}, {"C", 6}, {"M", 3}} {
		for i := range s.n {
			numbers = append(numbers, fmt.Sprint(s.letter, i+1))
		}
	}
	return numbers
}

// testNames are the tests of the repository.
func testNames(t *testing.T) map[string]bool {
	names := map[string]bool{}
	for _, pattern := range []string{"*_test.go", "*/*_test.go", "*/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(text), -1) {
				names[m[1]] = true
			}
		}
	}
	require.Greater(t, len(names), 300)
	return names
}

// promiseLines are where a comment in library code begins with a number and a colon.
func promiseLines(t *testing.T) map[string][]token.Position {
	at := map[string][]token.Position{}
	for _, pattern := range []string{"*.go", "mainthread/*.go", "oslocal/*.go", "internal/*/*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			n := 0
			for line := range strings.Lines(string(text)) {
				n++
				if m := regexp.MustCompile(`// ([A-Z]\d+):`).FindStringSubmatch(line); m != nil {
					at[m[1]] = append(at[m[1]], token.Position{Filename: filepath.ToSlash(file), Line: n, Column: 1})
				}
			}
		}
	}
	return at
}

// linesOf is from where to where the file declares the name, once for each time that it
// does; a method counts by its own name.
func linesOf(t *testing.T, file, name string) (lines [][2]int) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, nil, 0)
	require.NoError(t, err)
	add := func(id *ast.Ident, of ast.Node) {
		if id.Name == name {
			lines = append(lines, [2]int{fset.Position(of.Pos()).Line, fset.Position(of.End()).Line})
		}
	}
	for _, decl := range parsed.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			add(decl.Name, decl)
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					add(spec.Name, spec)
				case *ast.ValueSpec:
					for _, id := range spec.Names {
						add(id, spec)
					}
				}
			}
		}
	}
	return lines
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
