package doctest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	root   = "../.."
	module = "github.com/storagesnap/storagesnap"
)

// source is one Go file of the repository, also of nested modules.
type source struct {
	path string // with slashes, from the root
	ast  *ast.File
	text string
}

func (s source) dir() string    { return path.Dir(s.path) }
func (s source) test() bool     { return strings.HasSuffix(s.path, "_test.go") }
func (s source) main() bool     { return s.ast.Name.Name == "main" }
func (s source) internal() bool { return strings.Contains("/"+s.path, "/internal/") }
func (s source) nested() bool   { return inNestedModule(s.path) }

var fset = token.NewFileSet()

// files are the repository's files, with slashes, from the root: what git tracks or would, else whatever is there.
var files = sync.OnceValues(func() ([]string, error) {
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	if out, err := list.Output(); err == nil {
		all := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
		return slices.DeleteFunc(all, func(name string) bool {
			info, err := os.Lstat(filepath.Join(root, name))
			return err != nil || !info.Mode().IsRegular()
		}), nil
	}
	var all []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == ".git" || name == "bin") {
			return fs.SkipDir
		}
		if err == nil && entry.Type().IsRegular() {
			all = append(all, name)
		}
		return err
	})
	return all, err
})

// sources are the Go files that people write.
var sources = sync.OnceValues(func() ([]source, error) {
	names, err := files()
	if err != nil {
		return nil, err
	}
	var all []source
	for _, name := range names {
		if !strings.HasSuffix(name, ".go") || strings.Contains(name, "testdata/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		if !ast.IsGenerated(file) {
			all = append(all, source{name, file, string(text)})
		}
	}
	return all, nil
})

// modules are the folders of go.mod files.
var modules = sync.OnceValues(func() ([]string, error) {
	names, err := files()
	var dirs []string
	for _, name := range names {
		if path.Base(name) == "go.mod" {
			dirs = append(dirs, path.Dir(name))
		}
	}
	return dirs, err
})

func inNestedModule(name string) bool {
	dirs, _ := modules()
	return slices.ContainsFunc(dirs, func(dir string) bool { return dir != "." && strings.HasPrefix(name, dir+"/") })
}

func loaded(t *testing.T) []source {
	t.Helper()
	all, err := sources()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

func parsed(t *testing.T, name, text string) source {
	t.Helper()
	file, err := parser.ParseFile(fset, name, text, parser.ParseComments)
	require.NoError(t, err)
	return source{name, file, text}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(text)
}
