package snapshot_test

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/snapshot"
)

// graph is the drawing without the title and without what stands behind the names.
func graph(text string) string {
	var b strings.Builder
	_, text, _ = strings.Cut(text, "\n")
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if name, _, found := strings.Cut(line, "  "); found {
			line = name
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

func TestTextDrawsBranches(t *testing.T) {
	tests := []struct{ name, shape, head, want string }{
		{"nothing", "", "-", `
* now (content descends from no snapshot)
`},
		{"a chain", "a(b(c))", "c", `
o a
o b
o c
* now (content descends from c)
`},
		{"content descends from the middle", "a(b(c(d)))", "b", `
o a
o b
|-o c
| o d
* now (content descends from b)
`},
		{"the line to the content is straight and last", "a(b(c d(e f)) g(h(i(j))))", "d", `
o a
|-o g
| o h
| o i
| o j
o b
|-o c
o d
|-o e
|-o f
* now (content descends from d)
`},
		{"elsewhere the largest goes straight", "a(b(c(d e(f)) g(h i)))", "a", `
o a
|-o b
| |-o g
| | |-o h
| | o i
| o c
| |-o d
| o e
| o f
* now (content descends from a)
`},
		{"roots stand apart, the content's last", "a(b) c(d) e", "d", `
o a
o b

o e

o c
o d
* now (content descends from d)
`},
		{"content of no snapshot", "a(b)", "-", `
o a
o b

* now (content descends from no snapshot)
`},
		{"nobody knows", "a(b)", "?", `
o a
o b

? now (nobody knows what the content descends from)
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree := grow(t, test.shape, test.head)
			text := tree.Text(snapshot.TextOptions{ASCII: true})
			require.Equal(t, strings.TrimPrefix(test.want, "\n"), graph(text))
			plain := strings.NewReplacer("├─", "|-", "│", "|", "○", "o", "●", "*")
			require.Equal(t, graph(text), plain.Replace(graph(tree.String())))
		})
	}
}

func eventful(t *testing.T) *snapshot.Tree {
	t.Helper()
	rows := records("a(b(c d) e) f(g)")
	rows[0].Name, rows[0].Size = "golden image", 3<<40/2
	rows[0].Holds = []snapshot.Hold{{Name: "legal", Reason: "case 17"}, {Name: "over", Until: day.Add(time.Hour)}}
	rows[1].Name, rows[1].State = "", snapshot.Missing
	rows[2].Name, rows[2].State = "名前 日本", snapshot.Deleting
	rows[3].Name, rows[3].CreatedAt = "\x1b[31mred\x07\u202e", day.AddDate(-3, 0, 0)
	rows[4].Name, rows[4].State, rows[4].Size = strings.Repeat("long ", 20), snapshot.Creating, 0
	rows[4].CreatedAt = day.Add(50 * time.Hour)
	rows[5].Lineage, rows[6].Lineage = snapshot.Assumed, snapshot.Assumed
	rows[6].CreatedAt, rows[6].Name = day.Add(72*time.Hour), "e\u0301te\u0301"
	tree, err := snapshot.NewTree(volume, snapshot.Head{Snapshot: id("b")}, rows)
	require.NoError(t, err)
	return tree
}

func TestTextWithAges(t *testing.T) {
	got := eventful(t).Text(snapshot.TextOptions{Now: day.Add(50*time.Hour + time.Minute), NameWidth: 24})
	require.Equal(t, strings.TrimPrefix(`
volume 019c0000-0000-7000-8000-00000000d15c: 7 snapshots
○ f                           00000066    2d ago     1 GiB  ready, parent assumed
○ été                         00000067    in 21h     1 GiB  ready, parent assumed

○ golden image                00000061    2d ago   1.5 TiB  ready, held: legal (case 17)
├─○ long long long long lon…  00000065    1m ago       0 B  creating
○ 00000062                                2d ago     1 GiB  missing
├─○ \x1b[31mred\a\u202e       00000064    3y ago     1 GiB  ready
├─○ 名前 日本                 00000063    2d ago     1 GiB  deleting
● now (content descends from 00000062)
`, "\n"), got)
}

func TestTextWithTimes(t *testing.T) {
	got := eventful(t).Text(snapshot.TextOptions{ASCII: true, NameWidth: 12})
	require.Equal(t, strings.TrimPrefix(`
volume 019c0000-0000-7000-8000-00000000d15c: 7 snapshots
o f               00000066  2026-03-02 09:05     1 GiB  ready, parent assumed
o e\u0301te...    00000067  2026-03-05 09:00     1 GiB  ready, parent assumed

o golden image    00000061  2026-03-02 09:00   1.5 TiB  ready, held: legal (case 17), held: over
|-o long long...  00000065  2026-03-04 11:00       0 B  creating
o 00000062                  2026-03-02 09:01     1 GiB  missing
|-o \x1b[31mr...  00000064  2023-03-02 09:00     1 GiB  ready
|-o \u540d...     00000063  2026-03-02 09:02     1 GiB  deleting
* now (content descends from 00000062)
`, "\n"), got)
}

// The columns of ids disappear where every label is one.
func TestTextWithoutNames(t *testing.T) {
	got := textOf(t, func(s *snapshot.Snapshot) { s.Name = "" })
	require.Contains(t, got, "\n○ 00000061    0s ago     1 GiB  ready\n")
}

// Neither the depth of a tree nor its shape makes lines that are long; a stack that grew with the depth would end the test.
func TestTextOfDeepTrees(t *testing.T) {
	const n = 1 << 12
	shapes := map[string]func(i int) int{
		"chain":    func(i int) int { return i - 1 },
		"comb":     func(i int) int { return max(0, i-1-i%2) },
		"binary":   func(i int) int { return i / 2 },
		"star":     func(int) int { return 1 },
		"all root": func(int) int { return 0 },
	}
	for name, parent := range shapes {
		for _, head := range []int{1, n / 2, n} {
			rows := make([]snapshot.Snapshot, n)
			for i := range rows {
				rows[i] = record("")
				rows[i].ID = exampleID(i + 1)
				if p := parent(i + 1); p != 0 && i > 0 {
					rows[i].Parent = exampleID(p)
				}
			}
			tree, err := snapshot.NewTree(volume, snapshot.Head{Snapshot: exampleID(head)}, rows)
			require.NoError(t, err)
			lines, longest := 0, 0
			for line := range strings.Lines(graph(tree.Text(snapshot.TextOptions{ASCII: true}))) {
				lines += min(1, len(strings.TrimSpace(line)))
				longest = max(longest, len(strings.TrimPrefix(line, "* now")))
			}
			require.Equal(t, n+1, lines, name)
			require.LessOrEqual(t, longest, 2*(12+1)+len("o 00000061 content descends from \n"), "%s: at most log2(n)+1 levels", name)
		}
	}
}

func TestNamesAreMadeSafe(t *testing.T) {
	tests := []struct{ name, in, want, ascii string }{
		{"plain", "nightly 7", "nightly 7", ""},
		{"escape sequence", "\x1b[2J", `\x1b[2J`, ""},
		{"line end and tab", "a\r\n\tb", `a\r\n\tb`, ""},
		{"eight-bit control", "\u009b31m", `\u009b31m`, ""},
		{"turned direction", "a\u202egnp.exe", `a\u202egnp.exe`, ""},
		{"invisible", "a\u200bb\ufeff\u00ad", `a\u200bb\ufeff\u00ad`, ""},
		{"line separator", "a\u2028b", `a\u2028b`, ""},
		{"no UTF-8", "a\xffb\xc3", `a\xffb\xc3`, ""},
		{"delete", "a\x7f", `a\x7f`, ""},
		{"letters", "Grüße", "Grüße", `Gr\u00fc\u00dfe`},
		{"foreign letters", "диск", "диск", `\u0434\u0438\u0441\u043a`},
		{"wide", "日本", "日本", `\u65e5\u672c`},
		{"picture", "disk 💾", "disk 💾", `disk \U0001f4be`},
		{"mark", "e\u0301", "e\u0301", `e\u0301`},
		{"mark without a letter", "\u0301x", `\u0301x`, ""},
		{"too many marks", "e" + strings.Repeat("\u0301", 6), "e" + strings.Repeat("\u0301", 4) + `\u0301\u0301`, "e" + strings.Repeat(`\u0301`, 6)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := record("a")
			s.Name = test.in
			tree, err := snapshot.NewTree(volume, snapshot.Head{}, []snapshot.Snapshot{s})
			require.NoError(t, err)
			require.Contains(t, tree.String(), "\n○ "+test.want+"  00000061  ")
			if test.ascii == "" {
				test.ascii = test.want
			}
			require.Contains(t, tree.Text(snapshot.TextOptions{ASCII: true}), "\no "+test.ascii+"  00000061  ")
		})
	}
}

func TestSizes(t *testing.T) {
	for size, want := range map[int64]string{
		0: "0 B", 1: "1 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 10 << 20: "10 MiB", 9999 << 20: "9.8 GiB",
		1<<30 - 1: "1 GiB", 20 << 30: "20 GiB", 3 << 39: "1.5 TiB", 1 << 50: "1 PiB", math.MaxInt64: "8 EiB",
	} {
		require.Contains(t, textOf(t, func(s *snapshot.Snapshot) { s.Size = size }), "  "+want+"  ready\n", size)
	}
}

func TestAges(t *testing.T) {
	for age, want := range map[time.Duration]string{
		0: "0s ago", 59 * time.Second: "59s ago", time.Minute: "1m ago", time.Hour - 1: "59m ago", 47 * time.Hour: "47h ago",
		48 * time.Hour: "2d ago", 729 * 24 * time.Hour: "729d ago", 730 * 24 * time.Hour: "2y ago",
		-5 * time.Minute: "in 5m",
	} {
		require.Contains(t, textOf(t, func(s *snapshot.Snapshot) { s.CreatedAt = textNow.Add(-age) }), " "+want+"  ", age)
	}
	require.Contains(t, textOf(t, func(s *snapshot.Snapshot) { s.CreatedAt = time.Time{} }), "         -  ")
}

var textNow = day

// textOf draws one snapshot.
func textOf(t *testing.T, change func(*snapshot.Snapshot)) string {
	t.Helper()
	s := record("a")
	change(&s)
	tree, err := snapshot.NewTree(volume, snapshot.Head{}, []snapshot.Snapshot{s})
	require.NoError(t, err)
	return tree.Text(snapshot.TextOptions{Now: textNow})
}

func FuzzText(f *testing.F) {
	f.Add("plain", "legal", "case 17", uint8(0), false)
	f.Add("\x1b[2J\r\n\u202e", "\u009b", "\xff", uint8(10), true)
	f.Add("日本語テキスト", "e\u0301\u0301\u0301\u0301\u0301", "", uint8(5), false)
	f.Add("", "", "\x00", uint8(1), true)
	f.Fuzz(func(t *testing.T, name, hold, reason string, width uint8, ascii bool) {
		rows := records("a(b c)")
		rows[1].Name, rows[2].Holds = name, []snapshot.Hold{{Name: hold, Reason: reason}}
		tree, err := snapshot.NewTree(volume, snapshot.Head{Snapshot: rows[1].ID}, rows)
		require.NoError(t, err)
		text := tree.Text(snapshot.TextOptions{ASCII: ascii, NameWidth: int(width)})
		require.Equal(t, 5, strings.Count(text, "\n"), "names cannot make lines")
		require.True(t, utf8.ValidString(text))
		for _, r := range strings.ReplaceAll(text, "\n", "") {
			require.True(t, unicode.IsPrint(r), "%U in %q", r, text)
			require.True(t, !ascii || r < utf8.RuneSelf, "%U in %q", r, text)
		}
	})
}
