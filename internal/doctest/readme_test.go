package doctest_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// block is one fenced block of a Markdown text.
type block struct {
	language, text string
	line           int
	// above is the line before the fence.
	above string
}

func blocks(text string) []block {
	var all []block
	var open *block
	fence, above := "", ""
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case open == nil && strings.HasPrefix(trimmed, "```"):
			fence = trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "`"))]
			open = &block{language: strings.TrimLeft(trimmed, "`"), line: i + 1, above: above}
		case open != nil && trimmed == fence:
			all, open = append(all, *open), nil
		case open != nil:
			open.text += line + "\n"
		}
		if trimmed != "" {
			above = trimmed
		}
	}
	return all
}

// TestReadmeCodeIsCompiled: each Go block stands, whatever its white space, in a file of Example functions or a program below
// examples, which CI builds and runs.
func TestReadmeCodeIsCompiled(t *testing.T) {
	var compiled []string
	for _, s := range loaded(t) {
		if s.test() && strings.Contains(s.text, "\nfunc Example") || strings.HasPrefix(s.path, "examples/") {
			compiled = append(compiled, squeezed(s.text))
		}
	}
	found := 0
	for _, b := range blocks(read(t, "README.md")) {
		if b.language != "go" {
			continue
		}
		found++
		code := squeezed(b.text)
		if !slices.ContainsFunc(compiled, func(text string) bool { return strings.Contains(text, code) }) {
			t.Errorf("README.md:%d: this code stands in no Example and no program", b.line)
		}
	}
	require.NotZero(t, found, "README.md shows no code")
}

// squeezed drops white space and commas at the end of lines, so that a block may be laid out for reading.
func squeezed(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
}

// TestReadmeHasTheCommands: .ci/run reads them out of README.md and runs them, by the rule that command implements.
func TestReadmeHasTheCommands(t *testing.T) {
	text := read(t, "README.md")
	for _, marker := range []string{"<!-- ci:test -->", "<!-- ci:run -->"} {
		commands, ok := command(text, marker)
		require.True(t, ok, "README.md: want one line %s, and right below it a block ```sh", marker)
		require.NotEmpty(t, strings.TrimSpace(commands), marker)
	}
}

func command(text, marker string) (string, bool) {
	if strings.Count(text, marker) != 1 {
		return "", false
	}
	for _, b := range blocks(text) {
		if b.above == marker {
			return b.text, b.language == "sh"
		}
	}
	return "", false
}

// TestReadmeShowsWhatIsPrinted: a block below a marker that names a golden file is that file.
func TestReadmeShowsWhatIsPrinted(t *testing.T) {
	found := 0
	for _, b := range blocks(read(t, "README.md")) {
		name, ok := strings.CutPrefix(b.above, "<!-- golden: ")
		if !ok {
			continue
		}
		found++
		require.Equal(t, read(t, strings.TrimSuffix(name, " -->")), b.text, "README.md:%d", b.line)
	}
	require.NotZero(t, found, "README.md shows no output")
}

// TestLinks: a relative link leads to a file, and its fragment to a heading.
func TestLinks(t *testing.T) {
	names, err := files()
	require.NoError(t, err)
	for _, name := range names {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		text := read(t, name)
		for _, link := range links(text) {
			file, fragment, _ := strings.Cut(link, "#")
			target, headings := path.Join(path.Dir(name), file), text
			if file != "" {
				if _, err := os.Stat(filepath.Join(root, target)); err != nil {
					t.Errorf("%s: the link %s leads nowhere", name, link)
					continue
				}
				if strings.HasSuffix(target, ".md") {
					headings = read(t, target)
				}
			}
			if fragment != "" && (file == "" || strings.HasSuffix(file, ".md")) && !slices.Contains(anchors(headings), fragment) {
				t.Errorf("%s: the link %s leads to no heading", name, link)
			}
		}
	}
}

var (
	linkPattern = regexp.MustCompile(`\]\(([^)\s]+)(?:\s+"[^"]*")?\)`)
	inlineCode  = regexp.MustCompile("`[^`\n]*`")
	notInAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// links returns the relative links of a Markdown text, outside of code.
func links(text string) []string {
	for _, b := range blocks(text) {
		text = strings.Replace(text, b.text, "", 1)
	}
	var found []string
	for _, match := range linkPattern.FindAllStringSubmatch(inlineCode.ReplaceAllString(text, ""), -1) {
		if !strings.Contains(match[1], "://") && !strings.HasPrefix(match[1], "mailto:") {
			found = append(found, match[1])
		}
	}
	return found
}

// anchors returns the fragments of the headings as the common forges make them.
func anchors(text string) []string {
	for _, b := range blocks(text) {
		text = strings.Replace(text, b.text, "", 1)
	}
	var found []string
	for line := range strings.SplitSeq(text, "\n") {
		title := strings.TrimLeft(line, "#")
		if len(title) < len(line) && strings.HasPrefix(title, " ") {
			plain := notInAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			found = append(found, strings.ReplaceAll(plain, " ", "-"))
		}
	}
	return found
}

func TestChangelogBeginsWithUnreleased(t *testing.T) {
	for line := range strings.SplitSeq(read(t, "CHANGELOG.md"), "\n") {
		if strings.HasPrefix(line, "## ") {
			require.Equal(t, "## [Unreleased]", line)
			return
		}
	}
	t.Error("CHANGELOG.md has no releases")
}

func TestMarkdownReader(t *testing.T) {
	text := strings.ReplaceAll(`# One: the "first"
See [there](docs/a.md#b-c), [web](https://example.org/x), [here](#one-the-first), ''[code](no.md)''.

<!-- ci:test -->

'''sh
go test ./...
'''
''''md
'''go
x := 1
'''
''''
## Two
'''
[in a block](no.md)
# no heading
'''
`, "'", "`")
	require.Equal(t, []string{"docs/a.md#b-c", "#one-the-first"}, links(strings.ReplaceAll(text, "``[code](no.md)``", "")))
	require.Equal(t, []string{"one-the-first", "two"}, anchors(text))
	commands, ok := command(text, "<!-- ci:test -->")
	require.True(t, ok)
	require.Equal(t, "go test ./...\n", commands)
	_, ok = command(text, "<!-- ci:run -->")
	require.False(t, ok)
	got := blocks(text)
	require.Len(t, got, 3)
	require.Equal(t, "md", got[1].language)
	require.Equal(t, "```go\nx := 1\n```\n", got[1].text)
	require.Equal(t, 9, got[1].line)
}
