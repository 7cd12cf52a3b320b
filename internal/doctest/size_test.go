package doctest_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	fileLines     = 500
	functionLines = 80
)

func TestFilesAndFunctionsAreSmall(t *testing.T) {
	for _, s := range loaded(t) {
		for _, problem := range tooLarge(s) {
			t.Error(problem)
		}
	}
}

// tooLarge names the file if it has too many lines, and its functions that do; braces on their own are not counted.
func tooLarge(s source) []string {
	var problems []string
	if n := strings.Count(s.text, "\n"); n > fileLines {
		problems = append(problems, fmt.Sprintf("%s has %d lines; the most is %d", s.path, n, fileLines))
	}
	for _, decl := range s.ast.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		begin, end := fset.Position(f.Body.Lbrace).Line, fset.Position(f.Body.Rbrace).Line
		if n := end - begin - 1; n > functionLines {
			problems = append(problems, fmt.Sprintf("%s:%d: %s has %d lines; the most is %d", s.path, begin, f.Name.Name, n, functionLines))
		}
	}
	return problems
}

func TestTooLargeFindsThem(t *testing.T) {
	function := func(n int) source {
		return parsed(t, "x.go", "package x\n\nfunc f() {\n"+strings.Repeat("\tf()\n", n)+"}\n")
	}
	require.Empty(t, tooLarge(function(80)))
	require.Equal(t, []string{"x.go:3: f has 81 lines; the most is 80"}, tooLarge(function(81)))
	require.Empty(t, tooLarge(parsed(t, "x.go", "package x\n"+strings.Repeat("\n", 499))))
	require.Len(t, tooLarge(parsed(t, "x.go", "package x\n"+strings.Repeat("\n", 500))), 1)
}

// workplace matches absolute paths of the machine that somebody happened to write on.
var workplace = regexp.MustCompile(`(^|[^\w./-])/(work` + `|root|Users/\w+)/[\w.-]+`)

func TestNoFileSpeaksOfSomebodysMachine(t *testing.T) {
	names, err := files()
	require.NoError(t, err)
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		if bytes.IndexByte(text, 0) >= 0 { // not a text
			continue
		}
		if found := workplace.Find(text); found != nil {
			t.Errorf("%s: speaks of %q", name, bytes.TrimSpace(found))
		}
	}
}

func TestWorkplaceFindsThem(t *testing.T) {
	home := "/work" + "/main"
	for _, text := range []string{home, "see " + home, `"` + home + `"`, "\n/root" + "/go"} {
		require.True(t, workplace.MatchString(text), text)
	}
	for _, text := range []string{"a.b/work" + "/main", "../root" + "/x", "/worker/x", "./work" + "/x", "/ root /"} {
		require.False(t, workplace.MatchString(text), text)
	}
}
