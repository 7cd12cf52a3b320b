package doctest_test

import (
	"fmt"
	"go/ast"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryExportedNameIsDocumented(t *testing.T) {
	var missing []string
	for _, s := range loaded(t) {
		if !s.test() && !s.main() && !s.internal() {
			missing = append(missing, undocumented(s)...)
		}
	}
	for _, name := range missing {
		t.Errorf("%s: exported without a comment", name)
	}
}

func TestEveryPackageHasItsDocFile(t *testing.T) {
	documented, packages := map[string]bool{}, map[string]bool{}
	for _, s := range loaded(t) {
		if s.test() || s.main() {
			continue
		}
		packages[s.dir()] = true
		if s.ast.Doc == nil {
			continue
		}
		if !s.internal() && path.Base(s.path) != "doc.go" {
			t.Errorf("%s: a package is described in its doc.go", s.path)
		}
		if !strings.HasPrefix(s.ast.Doc.Text(), "Package "+s.ast.Name.Name+" ") {
			t.Errorf("%s: want a comment that begins: Package %s", s.path, s.ast.Name.Name)
		}
		if documented[s.dir()] {
			t.Errorf("%s: the package has a comment in another file too", s.path)
		}
		documented[s.dir()] = true
	}
	for dir := range packages {
		if !documented[dir] {
			t.Errorf("%s: has no doc.go with a package comment", dir)
		}
	}
}

// undocumented returns the exported functions, methods, types, constants, variables and interface methods of a file that have
// no comment. A comment above a group of constants or variables, or above methods of an interface on consecutive lines,
// serves for all of them.
func undocumented(s source) []string {
	var missing []string
	report := func(node ast.Node, name string, docs ...*ast.CommentGroup) {
		for _, doc := range docs {
			if strings.TrimSpace(doc.Text()) != "" {
				return
			}
		}
		missing = append(missing, fmt.Sprintf("%s:%d %s", s.path, fset.Position(node.Pos()).Line, name))
	}
	for _, decl := range s.ast.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if receiver, ok := exportedReceiver(d); ok && d.Name.IsExported() {
				report(d, receiver+d.Name.Name, d.Doc)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				undocumentedSpec(d, spec, report)
			}
		}
	}
	return missing
}

func undocumentedSpec(d *ast.GenDecl, spec ast.Spec, report func(ast.Node, string, ...*ast.CommentGroup)) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() {
				report(name, name.Name, s.Doc, s.Comment, d.Doc)
			}
		}
	case *ast.TypeSpec:
		if !s.Name.IsExported() {
			return
		}
		if d.Lparen.IsValid() {
			report(s, s.Name.Name, s.Doc)
		} else {
			report(s, s.Name.Name, s.Doc, d.Doc)
		}
		methods, ok := s.Type.(*ast.InterfaceType)
		if !ok {
			return
		}
		undocumentedMethods(s.Name.Name, methods.Methods.List, report)
	}
}

func undocumentedMethods(of string, methods []*ast.Field, report func(ast.Node, string, ...*ast.CommentGroup)) {
	var doc *ast.CommentGroup
	next := 0 // the line after the last method
	for _, m := range methods {
		if m.Doc != nil || fset.Position(m.Pos()).Line != next {
			doc = m.Doc
		}
		next = fset.Position(m.End()).Line + 1
		for _, name := range m.Names {
			if name.IsExported() {
				report(m, of+"."+name.Name, doc, m.Comment)
			}
		}
	}
}

// exportedReceiver returns "Type." for a method of an exported type, and "" for a function.
func exportedReceiver(d *ast.FuncDecl) (string, bool) {
	if d.Recv == nil {
		return "", true
	}
	t := d.Recv.List[0].Type
	for {
		switch inner := t.(type) {
		case *ast.StarExpr:
			t = inner.X
		case *ast.IndexExpr:
			t = inner.X
		case *ast.IndexListExpr:
			t = inner.X
		case *ast.Ident:
			return inner.Name + ".", inner.IsExported()
		default:
			return "", false
		}
	}
}

func TestUndocumentedFindsThem(t *testing.T) {
	got := undocumented(parsed(t, "x.go", `package x
func F() {}
// G has one.
func G() {}
func (*T[K]) M() {}
func (t t) M() {}
type T[K any] struct{}
type t struct{}
type I interface {
	M()
	// N has one.
	N()
	O()

	P()
	q()
}
// A group.
const A, B = 1, 2
const C = 1
var D = 1 // D has one.
type (
	U int
)
//nolint:all
var E = 1
`))
	require.Equal(t, []string{"x.go:2 F", "x.go:5 T.M", "x.go:7 T", "x.go:9 I", "x.go:10 I.M", "x.go:15 I.P", "x.go:20 C", "x.go:23 U", "x.go:26 E"}, got)
}
