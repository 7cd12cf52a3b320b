package snapshot_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/snapshot"
)

func marshal(tb testing.TB, tree *snapshot.Tree) string {
	tb.Helper()
	text, err := json.Marshal(tree)
	require.NoError(tb, err)
	return string(text)
}

func unmarshal(text string) (*snapshot.Tree, error) {
	tree := new(snapshot.Tree)
	return tree, tree.UnmarshalJSON([]byte(text))
}

func TestTreeJSON(t *testing.T) {
	for _, test := range []struct{ shape, head, begins string }{
		{"", "-", `{"version":1,"volume":"` + volume.String() + `","snapshots":[]}`},
		{"a(b)", "-", `{"version":1,"volume":"` + volume.String() + `","snapshots":[{`},
		{"a(b)", "b", `{"version":1,"volume":"` + volume.String() + `","head":"` + id("b").String() + `","snapshots":[{`},
		{"a(b)", "?", `{"version":1,"volume":"` + volume.String() + `","head_unknown":true,"snapshots":[{`},
		{forest, "e", "{"},
	} {
		t.Run(test.shape+" "+test.head, func(t *testing.T) {
			tree := grow(t, test.shape, test.head)
			text := marshal(t, tree)
			require.True(t, strings.HasPrefix(text, test.begins), text)
			read, err := unmarshal(text)
			require.NoError(t, err)
			require.NoError(t, read.Validate())
			require.True(t, tree.Equal(read))
			require.Equal(t, text, marshal(t, read))
		})
	}
}

func TestTreeJSONKeepsWholeRecords(t *testing.T) {
	s := full()
	s.Parent = snapshot.ID{}
	tree, err := snapshot.NewTree(volume, snapshot.Head{}, []snapshot.Snapshot{s})
	require.NoError(t, err)
	read, err := unmarshal(marshal(t, tree))
	require.NoError(t, err)
	got, _ := read.Get(s.ID)
	require.Equal(t, s, got)
}

func TestTreeJSONReadsAnyOrderAndSpace(t *testing.T) {
	tree := grow(t, "a(b)", "b")
	var doc map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(marshal(t, tree)), &doc))
	var rows []json.RawMessage
	require.NoError(t, json.Unmarshal(doc["snapshots"], &rows))
	read, err := unmarshal(fmt.Sprintf(" {\n\"snapshots\" : [ %s ,\t%s ], \"head\":%s , \"volume\":%s, \"version\" :1 }\n",
		rows[1], rows[0], doc["head"], doc["volume"]))
	require.NoError(t, err)
	require.True(t, tree.Equal(read))
}

func TestTreeJSONIsStrict(t *testing.T) {
	good := marshal(t, grow(t, "a(b)", "b"))
	swap := func(from, to string) string {
		require.Contains(t, good, from)
		return strings.Replace(good, from, to, 1)
	}
	tests := map[string]struct{ text, want string }{
		"empty":             {"", "EOF"},
		"null":              {"null", "version 0"},
		"a list":            {"[]", "cannot unmarshal array"},
		"cut":               {good[:len(good)-1], "unexpected EOF"},
		"data behind":       {good + "{}", "data behind"},
		"other version":     {swap(`"version":1`, `"version":2`), "version 2, this program reads version 1"},
		"no version":        {swap(`"version":1,`, ``), "version 0"},
		"version as text":   {swap(`"version":1`, `"version":"1"`), "cannot unmarshal string"},
		"no snapshots":      {`{"version":1,"volume":"` + volume.String() + `"}`, `no list "snapshots"`},
		"null snapshots":    {`{"version":1,"volume":"` + volume.String() + `","snapshots":null}`, `no list "snapshots"`},
		"no volume":         {swap(`"volume":"`+volume.String()+`",`, ``), "without a volume"},
		"volume of zeros":   {swap(volume.String(), "00000000-0000-0000-0000-000000000000"), "want the form"},
		"unknown field":     {swap(`"version":1`, `"version":1,"extra":2`), `unknown field "extra"`},
		"unknown in record": {swap(`"name":"a"`, `"mane":"a"`), `unknown field "mane"`},
		"field twice":       {swap(`"version":1`, `"version":1,"version":1`), "twice"},
		"twice in record":   {swap(`"name":"a"`, `"name":"a","name":"a"`), "twice"},
		"upper case":        {swap(`"name":"a"`, `"Name":"a"`), "lower case"},
		"folded letter":     {swap(`"size"`, `"ſize"`), "lower case"},
		"escaped name":      {swap(`"name":"a"`, `"n\u0061me":"a"`), "lower case"},
		"label twice":       {swap(`"name":"a"`, `"name":"a","labels":{"k":"1","\u006b":"2"}`), `label "k" stands twice`},
		"bad state":         {swap(`"state":"ready"`, `"state":"Ready"`), "unknown state"},
		"head and unknown":  {swap(`"head":`, `"head_unknown":true,"head":`), "head is unknown"},
		"bad id":            {swap(id("a").String(), "A"), "want the form"},
		"time":              {swap(`"created_at":"2026`, `"created_at":"20026`), "parsing time"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tree := grow(t, "a", "a")
			err := unchanged(t, tree, func() error { return tree.UnmarshalJSON([]byte(test.text)) })
			require.ErrorIs(t, err, snapshot.ErrInvalid)
			require.ErrorContains(t, err, "tree in JSON: ")
			require.ErrorContains(t, err, test.want)
		})
	}
}

// A list of labels that is null must not make the next record pass for labels.
func TestTreeJSONIsStrictBehindNullLabels(t *testing.T) {
	text := marshal(t, grow(t, "a b", "-"))
	text = strings.Replace(text, `"version":1},`, `"version":1,"labels":null},`, 1)
	_, err := unmarshal(text)
	require.NoError(t, err)
	_, err = unmarshal(strings.Replace(text, `"name":"b"`, `"Name":"b"`, 1))
	require.ErrorContains(t, err, "lower case")
}

// The keys of labels are the user's: what would be wrong as a field's name is right there.
func TestTreeJSONTakesAnyLabel(t *testing.T) {
	s := record("a")
	s.Labels = map[string]string{"labels": "1", "Name": "2", `quo"te\`: "{\"id\":[", "ключ": "3", "": "4", "id": `:`}
	tree, err := snapshot.NewTree(volume, snapshot.Head{}, []snapshot.Snapshot{s, record("b")})
	require.NoError(t, err)
	read, err := unmarshal(marshal(t, tree))
	require.NoError(t, err)
	require.True(t, tree.Equal(read))
}

func TestMarshalNamesTheRecordThatJSONCannotHold(t *testing.T) {
	s := record("a")
	s.ExpiresAt = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
	tree, err := snapshot.NewTree(volume, snapshot.Head{}, []snapshot.Snapshot{s})
	require.NoError(t, err)
	_, err = json.Marshal(tree)
	require.ErrorContains(t, err, s.ID.String())
}

func FuzzTreeJSON(f *testing.F) {
	for _, s := range []string{"", "a", "a(b)", forest} {
		f.Add([]byte(marshal(f, grow(f, s, "-"))))
	}
	good := marshal(f, grow(f, "a(b)", "b"))
	f.Add([]byte(strings.Replace(good, `"name":"a"`, `"name":"a","labels":{"labels":"x","A":"\u0061"},"taken_at":"2026-01-01T00:00:00+23:59"`, 1)))
	f.Add([]byte(strings.Replace(good, `"name":"a"`, `"holds":[{"name":"h","since":"2026-01-01T00:00:00Z"}],"pins":[]`, 1)))
	f.Add([]byte(strings.Replace(good, id("a").String(), id("b").String(), 1)))
	f.Add([]byte(good + good))
	f.Fuzz(func(t *testing.T, text []byte) {
		tree := new(snapshot.Tree)
		if err := tree.UnmarshalJSON(text); err != nil {
			require.ErrorIs(t, err, snapshot.ErrInvalid)
			require.Zero(t, tree.Len())
			return
		}
		require.NoError(t, tree.Validate())
		first := marshal(t, tree)
		again, err := unmarshal(first)
		require.NoError(t, err, "what was written can be read")
		require.True(t, tree.Equal(again))
		require.Equal(t, first, marshal(t, again))
	})
}
