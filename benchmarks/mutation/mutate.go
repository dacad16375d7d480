//go:build unix

package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"os"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// A mutant is one small mistake. All of them are in the same build, each behind a
// number, so a thousand cost no more building than one; but for those without a
// runtime.KeepAlive, which keeps alive wherever it might be called.
type mutant struct {
	n     int
	file  string // in the package's folder
	line  int
	what  string
	alone string // the file as it must be for this mutant; empty if it is in the common build
	how   string // killed, or why not; empty while it lives
}

// An edit puts text before or after a piece of the source. Nothing is taken away, so
// edits inside one another need not know each other.
type edit struct {
	at    int
	close bool // after the piece
	size  int  // of the piece
	text  string
}

// A garden grows the mutants of one package.
type garden struct {
	pkg     *packages.Package
	mutants []*mutant
	edits   map[string][]edit
	file    string
	quiet   map[ast.Node]bool // what is left as it is
}

// helpers is what the edits call.
const helpers = `
func steMutant(n int) bool {
	if steMutantSeen != nil {
		steMutantSeen(n)
	}
	return n == steMutantOn
}

func steMutantOff[T interface{ ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr }](n int) T {
	if steMutant(n) {
		return 1
	}
	return 0
}

func steMutantSign[T interface{ ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr }](n int) T {
	if steMutant(n) {
		var minus T = 1
		return -minus
	}
	return 1
}

func steMutantNil(n int, err error) error {
	if steMutant(n) {
		return nil
	}
	return err
}

var steMutantOn = func() int { n, _ := strconv.Atoi(os.Getenv("STE_MUTANT")); return n }()

var steMutantSeen = func() func(int) {
	name := os.Getenv("STE_MUTANTS_SEEN")
	if name == "" {
		return nil
	}
	var seen [1 << 14]atomic.Bool
	return func(n int) {
		if seen[n].CompareAndSwap(false, true) {
			f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
			if err == nil { // else it is a test of what must fail
				fmt.Fprintln(f, n)
				f.Close()
			}
		}
	}
}()
`

// grow returns the mutants of the package in dir and the sources that have them all.
func grow(dir string) (*garden, map[string]string, error) {
	pkgs, err := packages.Load(&packages.Config{Dir: dir, Mode: packages.LoadSyntax}, ".")
	if err != nil {
		return nil, nil, err
	}
	if len(pkgs) != 1 || len(pkgs[0].Errors) > 0 {
		return nil, nil, fmt.Errorf("%s: %v", dir, pkgs[0].Errors)
	}
	g := &garden{pkg: pkgs[0], edits: map[string][]edit{}, quiet: map[ast.Node]bool{}}
	sources := map[string]string{}
	for i, f := range g.pkg.Syntax {
		g.file = g.pkg.CompiledGoFiles[i]
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil && !strings.Contains(fn.Doc.Text()+comments(fn.Doc), "//go:nosplit") {
				ast.Inspect(fn, g.visit)
			}
		}
		text, err := os.ReadFile(g.file)
		if err != nil {
			return nil, nil, err
		}
		sources[g.file] = apply(string(text), g.edits[g.file])
	}
	return g, sources, nil
}

func comments(doc *ast.CommentGroup) (all string) {
	if doc != nil {
		for _, c := range doc.List {
			all += c.Text + "\n"
		}
	}
	return all
}

// apply puts the edits into the text: the ends of inner pieces before those of outer
// ones, and the beginnings of outer ones first.
func apply(text string, edits []edit) string {
	slices.SortStableFunc(edits, func(a, b edit) int {
		switch {
		case a.at != b.at:
			return a.at - b.at
		case a.close != b.close:
			if a.close {
				return -1
			}
			return 1
		case a.close:
			return a.size - b.size
		}
		return b.size - a.size
	})
	var out strings.Builder
	last := 0
	for _, e := range edits {
		out.WriteString(text[last:e.at])
		out.WriteString(e.text)
		last = e.at
	}
	out.WriteString(text[last:])
	return out.String()
}

// add makes a mutant of the piece at n; %d in before and after is its number.
func (g *garden) add(n ast.Node, before, after, what string) {
	m := &mutant{n: len(g.mutants) + 1, what: what}
	from, to := g.pkg.Fset.Position(n.Pos()), g.pkg.Fset.Position(n.End())
	m.file, m.line = from.Filename[strings.LastIndex(from.Filename, "/")+1:], from.Line
	g.mutants = append(g.mutants, m)
	number := func(s string) string { return strings.ReplaceAll(s, "%d", fmt.Sprint(m.n)) }
	size := to.Offset - from.Offset
	g.edits[g.file] = append(g.edits[g.file],
		edit{from.Offset, false, size, number(before)}, edit{to.Offset, true, size, number(after)})
}

// visit is called for each node of a function, outer ones first.
func (g *garden) visit(n ast.Node) bool {
	g.hush(n)
	switch n := n.(type) {
	case *ast.BlockStmt:
		g.statements(n.List)
	case *ast.CaseClause:
		g.statements(n.Body)
	case *ast.CommClause:
		g.statements(n.Body)
	case *ast.ReturnStmt:
		for _, e := range n.Results {
			if t := g.pkg.TypesInfo.TypeOf(e); t != nil && t.String() == "error" {
				g.add(e, "steMutantNil(%d, ", ")", "nil in place of "+types.ExprString(e))
			}
		}
	case *ast.BinaryExpr:
		g.binary(n)
	}
	if e, ok := n.(ast.Expr); ok && !g.quiet[n] {
		if _, paren := e.(*ast.ParenExpr); !paren && g.is(e, types.IsBoolean) && g.value(e) == nil {
			g.add(e, "((", ") != steMutant(%d))", "not "+types.ExprString(e))
		}
	}
	return true
}

// hush leaves alone what is not a value where it stands.
func (g *garden) hush(n ast.Node) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		for _, e := range n.Lhs {
			g.quiet[e] = true
		}
	case *ast.UnaryExpr:
		g.quiet[n.X] = n.Op == token.AND || n.Op == token.NOT // the whole of which is turned round
	case *ast.ExprStmt:
		g.quiet[n.X] = true
	case *ast.GoStmt:
		g.quiet[n.Call] = true
	case *ast.DeferStmt:
		g.quiet[n.Call] = true
	case *ast.RangeStmt:
		g.quiet[n.Key], g.quiet[n.Value] = true, true
	}
}

// is reports whether e is a value of such a basic type.
func (g *garden) is(e ast.Expr, info types.BasicInfo) bool {
	tv := g.pkg.TypesInfo.Types[e]
	if !tv.IsValue() {
		return false
	}
	b, ok := tv.Type.Underlying().(*types.Basic)
	return ok && b.Info()&info != 0
}

// value returns e's value if it is a constant.
func (g *garden) value(e ast.Expr) constant.Value { return g.pkg.TypesInfo.Types[e].Value }

// statements makes mutants that leave one out.
func (g *garden) statements(list []ast.Stmt) {
	for i, s := range list {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				continue
			}
		case *ast.ExprStmt:
			if c, ok := s.X.(*ast.CallExpr); ok && types.ExprString(c.Fun) == "panic" && i == len(list)-1 {
				continue // may end a function with results
			}
		case *ast.IncDecStmt, *ast.SendStmt, *ast.GoStmt, *ast.DeferStmt:
		default:
			continue
		}
		if x, ok := s.(*ast.ExprStmt); ok && strings.HasPrefix(types.ExprString(x.X), "runtime.KeepAlive(") {
			g.alone(x)
			continue
		}
		g.add(s, "if !steMutant(%d) { ", " }", "without "+g.text(s))
	}
}

// alone makes the mutant without a KeepAlive; in the common build its number only says
// which tests come there.
func (g *garden) alone(s *ast.ExprStmt) {
	g.add(s, "steMutant(%d); ", "", "without "+g.text(s))
	text, err := os.ReadFile(g.file)
	if err != nil {
		return // as grow will say
	}
	from, to := g.pkg.Fset.Position(s.Pos()).Offset, g.pkg.Fset.Position(s.End()).Offset
	g.mutants[len(g.mutants)-1].alone = string(text[:from]) + "_ = runtime.KeepAlive" + string(text[to:])
}

func (g *garden) text(n ast.Node) string {
	text, err := os.ReadFile(g.file)
	if err != nil {
		return ""
	}
	line, _, cut := strings.Cut(string(text[g.pkg.Fset.Position(n.Pos()).Offset:g.pkg.Fset.Position(n.End()).Offset]), "\n")
	if cut {
		line += " ..."
	}
	return line
}

// binary moves a limit by one, or turns a sum into a difference.
func (g *garden) binary(n *ast.BinaryExpr) {
	of := n.X
	if g.value(of) != nil {
		of = n.Y
	}
	if !g.is(of, types.IsInteger) || g.value(n) != nil {
		return
	}
	t := types.TypeString(types.Default(g.pkg.TypesInfo.TypeOf(of)), func(p *types.Package) string {
		if p == g.pkg.Types {
			return ""
		}
		return p.Name()
	})
	switch n.Op {
	case token.LSS, token.GEQ:
		g.add(n.Y, "((", ") + steMutantOff["+t+"](%d))", "limit moved: "+types.ExprString(n))
	case token.LEQ, token.GTR:
		g.add(n.Y, "((", ") - steMutantOff["+t+"](%d))", "limit moved: "+types.ExprString(n))
	case token.ADD, token.SUB:
		g.add(n.Y, "((", ") * steMutantSign["+t+"](%d))", "sign of "+types.ExprString(n))
	}
}
