package driver_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
)

// FuzzConfig decodes and redacts any document: no panic, errors of class ErrInvalid, and a redacted form that is JSON, holds
// no literal secret and stays the same when it is redacted again.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"endpoint":"e","password":"hunter2"}`, `{"endpoint":"e","password":{"env":"hunter2"},"jobs":1e9}`,
		`{"nodes":[{"name":"n","password":"hunter2"}],"vault":{"hunter2":"hunter2"},"tls":{"ca":"x"}}`, `{"jobs":1,"jobs":2}`,
		`{"timeout":"1h","ratio":"1:2","level":"high","portals":["a", 1],"proxy":{},"extra":{"a":[1]}}`, `{"a":`, `{"é":"\ud800"}`,
		"\xff", ` { "labels" : { "a" : null } } `,
	} {
		f.Add([]byte(seed))
	}
	opener := driver.Typed(func(c config, _ driver.Env) (driver.Driver, error) {
		if c.Endpoint == "" || c.Password.IsZero() {
			return nil, errors.New("a required field is empty")
		}
		return &fakeDriver{}, nil
	})
	f.Fuzz(func(t *testing.T, doc []byte) {
		if _, err := opener.Open(driver.OpenRequest{Config: doc}); err != nil {
			require.ErrorIs(t, err, driver.ErrInvalid)
			require.NotContains(t, err.Error(), "a required field is empty")
		} else {
			require.True(t, json.Valid(doc))
		}
		clean := opener.Redact(doc)
		require.True(t, json.Valid(clean))
		require.Equal(t, string(clean), string(opener.Redact(clean)))
		var kept struct {
			Password json.RawMessage `json:"password"`
		}
		require.NoError(t, json.Unmarshal(clean, &kept))
		if strings.HasPrefix(string(kept.Password), `"`) {
			require.Equal(t, `"[redacted]"`, string(kept.Password))
		}
	})
}

// FuzzSecret decodes any document: what is accepted marshals to something that is accepted and means the same, or is
// redacted.
func FuzzSecret(f *testing.F) {
	for _, seed := range []string{
		`"x"`, `""`, `null`, `{"file":"/f"}`, `{"env":"E"}`, `{"ref":"r"}`, `{"ref":""}`, `{}`, `[1]`, `"[redacted]"`,
		`{"file":"a","file":"b"}`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var secret driver.Secret
		if err := secret.UnmarshalJSON(doc); err != nil {
			require.True(t, secret.IsZero())
			return
		}
		stored, err := json.Marshal(secret)
		require.NoError(t, err)
		var again driver.Secret
		if string(stored) == `"[redacted]"` {
			require.Error(t, again.UnmarshalJSON(stored), "nobody logs in with the redacted text")
			return
		}
		require.NoError(t, again.UnmarshalJSON(stored))
		require.Equal(t, secret, again)
		require.Equal(t, secret.String(), again.String())
	})
}
