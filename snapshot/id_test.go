package snapshot_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/snapshot"
)

const idText = "019c0000-0000-7000-8000-0000000a01b2"

func TestParseID(t *testing.T) {
	parsed, err := snapshot.ParseID[snapshot.ID](idText)
	require.NoError(t, err)
	require.Equal(t, idText, parsed.String())
	require.Equal(t, "000a01b2", parsed.Short())
	require.False(t, parsed.IsZero())
}

func TestParseIDTakesOneFormOnly(t *testing.T) {
	for name, text := range map[string]string{
		"empty":      "",
		"upper case": strings.ToUpper(idText),
		"no dashes":  strings.ReplaceAll(idText, "-", ""),
		"braces":     "{" + idText + "}",
		"urn":        "urn:uuid:" + idText,
		"space":      idText + " ",
		"short":      idText[:35],
		"no hex":     "z" + idText[1:],
		"none":       "00000000-0000-0000-0000-000000000000",
		"long":       strings.Repeat("\x1b", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := snapshot.ParseID[snapshot.ID](text)
			require.Error(t, err)
			require.True(t, parsed.IsZero())
			require.Less(t, len(err.Error()), 400)
			require.NotContains(t, err.Error(), "\x1b")
		})
	}
}

func TestZeroID(t *testing.T) {
	var none snapshot.ID
	require.True(t, none.IsZero())
	require.Empty(t, none.String())
	require.Empty(t, none.Short())
}

func TestNewIDsAreUniqueAndSortByTheirMaking(t *testing.T) {
	const n = 1000
	texts := make([]string, n)
	for i := range texts {
		texts[i] = snapshot.NewID[snapshot.VolumeID]().String()
	}
	require.True(t, slices.IsSorted(texts))
	require.Len(t, slices.Compact(texts), n)
}

func TestIDsInJSON(t *testing.T) {
	type holder struct {
		One  snapshot.ID            `json:"one,omitzero"`
		List []snapshot.GroupID     `json:"list,omitempty"`
		Keys map[snapshot.ID]string `json:"keys,omitempty"`
	}
	one, err := snapshot.ParseID[snapshot.ID](idText)
	require.NoError(t, err)
	tests := []struct {
		name string
		in   holder
		want string
	}{
		{"none is left out", holder{}, `{}`},
		{"one", holder{One: one}, `{"one":"` + idText + `"}`},
		{"a key", holder{Keys: map[snapshot.ID]string{one: "x"}}, `{"keys":{"` + idText + `":"x"}}`},
		{"none in a list", holder{List: []snapshot.GroupID{{}}}, `{"list":[""]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text, err := json.Marshal(test.in)
			require.NoError(t, err)
			require.JSONEq(t, test.want, string(text))
			var out holder
			require.NoError(t, json.Unmarshal(text, &out))
			require.Equal(t, test.in, out)
		})
	}
}

func TestUnmarshalTextReplacesOrRefuses(t *testing.T) {
	parsed := id("a")
	require.Error(t, parsed.UnmarshalText([]byte("nonsense")))
	require.Equal(t, id("a"), parsed, "a failed read changes nothing")
	require.NoError(t, parsed.UnmarshalText(nil))
	require.True(t, parsed.IsZero(), "no text means none, whatever was there")
}

func FuzzParseID(f *testing.F) {
	for _, text := range []string{"", idText, strings.ToUpper(idText), "{" + idText + "}", "00000000-0000-0000-0000-000000000000"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := snapshot.ParseID[snapshot.ID](text)
		require.Equal(t, err != nil, parsed.IsZero())
		if err == nil {
			require.Equal(t, text, parsed.String(), "one id has one text")
		}
	})
}
