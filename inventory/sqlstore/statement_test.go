package sqlstore_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory/sqlstore"
)

func TestStatementsInADialect(t *testing.T) {
	for _, test := range []struct {
		name     string
		numbered bool
		text     string
		want     string
		uses     []int
	}{
		{"plain", false, "SELECT 1", "SELECT 1", nil},
		{"tables", false, "SELECT a FROM {volume}, {snapshot}", "SELECT a FROM p_volume, p_snapshot", nil},
		{"marks", false, "a = :one AND b = :two", "a = ? AND b = ?", []int{0, 1}},
		{"numbers", true, "a = :two AND b = :one OR c = :two", "a = $1 AND b = $2 OR c = $3", []int{1, 0, 1}},
		{"clock", false, "a <= {now}", "a <= ?", []int{2}},
		{"nested", true, "SET seq = {seq}", "SET seq = (SELECT coalesce(max(seq), 0) + 1 FROM p_operation)", nil},
		{"filter", false, "a = :one AND {also}b = :two", "a = ? AND +b = ?", []int{0, 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, uses := sqlstore.Text(test.numbered, "p_", test.text, []string{"one", "two", "now"})
			require.Equal(t, test.want, text)
			require.Equal(t, test.uses, uses)
		})
	}
	require.Panics(t, func() { sqlstore.Text(false, "", "a = :unknown", nil) })
}

func FuzzLabels(f *testing.F) {
	for _, seed := range []string{
		`{"a":"b"}`, `{"a":"b","c":"d"}`, `{"":""}`, `{"a":"b\"c"}`, `{"a":"\u00e9"}`, `{"a":"é:,{}"}`, `{}`, `{"a":1}`,
		`{"a":"b","a":"c"}`, `{"a" : "b"}`, `{"a":"b"} `, `{"a":{"b":"c"}}`, `null`, `{"a":null,"b":"c"}`, `["a":"b"]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fast, ok := sqlstore.Labels(text)
		var slow map[string]string
		if err := json.Unmarshal([]byte(text), &slow); err != nil || !ok {
			return // only what a store has written must be understood
		}
		again, err := json.Marshal(slow)
		require.NoError(t, err)
		if reread, ok := sqlstore.Labels(string(again)); ok {
			require.Equal(t, slow, reread)
		}
		if string(again) == text {
			require.Equal(t, slow, fast)
		}
	})
}
