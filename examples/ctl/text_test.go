package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTexts plays a session and compares everything that a person sees.
func TestTexts(t *testing.T) {
	w := newWorld(t)
	var b strings.Builder
	play := func(args ...string) {
		r := w.run(args...)
		b.WriteString("$ ctl " + strings.Join(args, " ") + "\n" + r.out + r.err)
		if r.code != exitOK {
			b.WriteString("[exit status " + string(rune('0'+r.code)) + "]\n")
		}
		b.WriteByte('\n')
	}
	for line := range strings.Lines(`volume list
volume import images disk.raw --name web01 --owner shop --external-id vm-7 --label tier=gold
snapshot create web01 first --label ticket=4711
snapshot create web01 second
snapshot create web01 second --dry-run
snapshot revert web01@first
snapshot revert web01@first --keep kept -n
snapshot revert web01@first --keep kept --yes
snapshot revert web01@second --yes
tree web01
tree web01 --ascii --times
snapshot list web01
snapshot show web01@first
snapshot clone web01@first web01-test --progress
volume list
volume show vm-7
volume delete web01 -n
volume delete web01 --yes
volume delete web01-test --yes
snapshot delete web01@kept
snapshot delete web01@kept --yes
explain web01@first
op list
op list --last 1
snapshot show nothing
snapshot show web01@nothing
volume show nothing
op show nothing
explain nothing
backend check nothing
volume forget web01
volume forget web01 --yes
snapshot list
drivers local
`) {
		play(strings.Fields(line)...)
	}
	golden(t, "session.txt", w.stable(b.String()))
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "ctl: ") && !strings.HasPrefix(line, "refused: ") && !strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "$ ") {
			require.LessOrEqual(t, len([]rune(line)), 130, line)
		}
	}
}

func TestTableWrapsItsLastColumn(t *testing.T) {
	table := newTable("A", "B")
	table.row("x", strings.Repeat("word ", 30))
	var b strings.Builder
	require.NoError(t, table.write(&b, ""))
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	require.Len(t, lines, 3)
	require.Equal(t, "A  B", lines[0])
	require.Equal(t, "x  "+strings.TrimSpace(strings.Repeat("word ", 19)), lines[1])
	require.Equal(t, "   "+strings.TrimSpace(strings.Repeat("word ", 11)), lines[2])
}

func TestSafe(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		width int
		want  string
	}{
		"plain":          {"web 01 – ä", 0, "web 01 – ä"},
		"escape":         {"a\x1b[31mb\a", 0, `a\x1b[31mb\a`},
		"direction":      {"a\u202eb", 0, `a\u202eb`},
		"no UTF-8":       {"a\xffb", 0, `a\ufffdb`},
		"lines":          {"a\nb", 0, "a\nb"},
		"line in a cell": {"a\nb", 8, `a\nb`},
		"cut":            {"abcdefgh", 5, "abcd…"},
		"just fits":      {"abcde", 5, "abcde"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, safe(c.text, c.width)) })
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "1": 1, "20GiB": 20 << 30, "20 GiB": 20 << 30, "3KiB": 3 << 10, "1PiB": 1 << 50} {
		n, err := sizeFrom(text)
		require.NoError(t, err)
		require.Equal(t, want, n, text)
	}
	for _, text := range []string{"x", "-1", "0", "1.5GiB", "20GB", "GiB", "9000PiB", "99999999999999999999"} {
		_, err := sizeFrom(text)
		require.EqualError(t, err, "size \""+text+"\": want a whole number of bytes, KiB, MiB, GiB, TiB or PiB, as 20GiB")
	}
	require.Equal(t, "20 GiB", size(20<<30))
	require.Equal(t, "1.5 TiB", size(3<<39))
}
