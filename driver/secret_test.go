package driver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
)

func secretOf(t *testing.T, doc string) driver.Secret {
	t.Helper()
	var s driver.Secret
	require.NoError(t, json.Unmarshal([]byte(doc), &s))
	return s
}

func fileSecret(t *testing.T, path string) driver.Secret {
	t.Helper()
	return secretOf(t, jsonOf(t, map[string]string{"file": path}))
}

func TestSecretForms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(path, []byte("from the file\n"), 0o600))
	t.Setenv("SECRET_TEST", "from the environment")
	env := driver.Env{Secrets: func(_ context.Context, ref string) (string, error) { return "from the vault: " + ref, nil }}
	tests := map[string]struct {
		secret driver.Secret
		want   string
	}{
		"literal":       {secretOf(t, `"open sesame"`), "open sesame"},
		"literal in Go": {driver.Literal("open sesame"), "open sesame"},
		"empty literal": {secretOf(t, `""`), ""},
		"file":          {fileSecret(t, path), "from the file"},
		"environment":   {secretOf(t, `{"env":"SECRET_TEST"}`), "from the environment"},
		"reference":     {secretOf(t, `{"ref":"a/b"}`), "from the vault: a/b"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.False(t, test.secret.IsZero())
			got, err := test.secret.Reveal(t.Context(), env)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestSecretRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	secret := fileSecret(t, path)
	for _, value := range []string{"first", "second"} {
		require.NoError(t, os.WriteFile(path, []byte(value), 0o600))
		got, err := secret.Reveal(t.Context(), driver.Env{})
		require.NoError(t, err)
		require.Equal(t, value, got)
	}
	secret = secretOf(t, `{"env":"SECRET_TEST"}`)
	for _, value := range []string{"first", "second", ""} {
		t.Setenv("SECRET_TEST", value)
		got, err := secret.Reveal(t.Context(), driver.Env{})
		require.NoError(t, err)
		require.Equal(t, value, got)
	}
}

func TestSecretFileLineBreak(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	for content, want := range map[string]string{
		"": "", "p": "p", "p\n": "p", "p\r\n": "p", "p\n\n": "p\n", "p\r": "p\r", " p ": " p ", "a\nb\n": "a\nb", "\n": "",
	} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		got, err := fileSecret(t, path).Reveal(t.Context(), driver.Env{})
		require.NoError(t, err)
		require.Equal(t, want, got, "%q", content)
	}
}

func TestSecretFileSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	largest := strings.Repeat("k", 1<<20)
	require.NoError(t, os.WriteFile(path, []byte(largest), 0o600))
	got, err := fileSecret(t, path).Reveal(t.Context(), driver.Env{})
	require.NoError(t, err)
	require.Len(t, got, len(largest))

	require.NoError(t, os.WriteFile(path, []byte(largest+"k"), 0o600))
	_, err = fileSecret(t, path).Reveal(t.Context(), driver.Env{})
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.EqualError(t, err, fmt.Sprintf("secret: file %s is larger than 1048576 bytes: invalid", path))
}

func TestSecretRevealErrors(t *testing.T) {
	vault := func(err error) driver.Env {
		return driver.Env{Secrets: func(context.Context, string) (string, error) { return "hunter2", err }}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := map[string]struct {
		secret driver.Secret
		env    driver.Env
		class  driver.Class
		want   string
	}{
		"none":         {driver.Secret{}, driver.Env{}, driver.ErrInvalid, "no secret is configured"},
		"no file":      {fileSecret(t, "/no/such/file"), driver.Env{}, driver.ErrInvalid, "/no/such/file"},
		"folder":       {fileSecret(t, t.TempDir()), driver.Env{}, driver.ErrInvalid, "is a directory"},
		"no variable":  {secretOf(t, `{"env":"NO_SUCH_VARIABLE"}`), driver.Env{}, driver.ErrInvalid, "NO_SUCH_VARIABLE is not set"},
		"no resolver":  {secretOf(t, `{"ref":"r"}`), driver.Env{}, driver.ErrInvalid, `reference "r", but the program resolves no references`},
		"vault fails":  {secretOf(t, `{"ref":"r"}`), vault(errors.New("sealed")), driver.ErrUnavailable, `reference "r": sealed`},
		"no reference": {secretOf(t, `{"ref":"r"}`), vault(driver.Errorf(driver.ErrInvalid, "none")), driver.ErrInvalid, "none"},
		"canceled":     {secretOf(t, `{"ref":"r"}`), vault(canceled.Err()), driver.ErrUnavailable, "context canceled"},
		// The vault's "not found" must not read as "the snapshot is not there".
		"not found": {secretOf(t, `{"ref":"r"}`), vault(driver.ErrNotFound), driver.ErrUnavailable, `reference "r"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := test.secret.Reveal(canceled, test.env)
			require.Empty(t, got)
			require.Equal(t, test.class, driver.ClassOf(err))
			require.Equal(t, driver.EffectNone, driver.EffectOf(err), "nothing was sent without the secret")
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestSecretUnmarshalRefuses(t *testing.T) {
	for name, doc := range map[string]string{
		"number": `7`, "boolean": `true`, "list": `["hunter2"]`, "no form": `{}`, "two forms": `{"file":"a","env":"b"}`,
		"unknown form": `{"hunter2":""}`, "unknown form with a value": `{"literal":"hunter2"}`, "not a text": `{"file":7}`,
		"empty file": `{"file":""}`, "empty variable": `{"env":""}`, "empty reference": `{"ref":""}`, "redacted": `"[redacted]"`,
	} {
		t.Run(name, func(t *testing.T) {
			secret := driver.Literal("before")
			err := json.Unmarshal([]byte(doc), &secret)
			require.ErrorContains(t, err, "secret: ")
			require.NotContains(t, err.Error(), "hunter2")
			require.Equal(t, driver.Literal("before"), secret, "nothing is changed")
		})
	}
}

func TestSecretNull(t *testing.T) {
	secret := secretOf(t, `null`)
	require.True(t, secret.IsZero())
	require.Equal(t, "null", jsonOf(t, secret))
	require.Empty(t, fmt.Sprint(secret))
	require.False(t, driver.Literal("").IsZero(), "an empty secret was given")
}

// holder keeps secrets where a program might: fmt does not ask unexported fields how they want to be printed.
type holder struct {
	Exported   driver.Secret
	unexported driver.Secret
	inside     struct{ deep []driver.Secret }
	pointer    *driver.Secret
}

func TestSecretIsNeverPrinted(t *testing.T) {
	const value = "hunter2"
	secret := driver.Literal(value)
	h := holder{Exported: secret, unexported: secret, pointer: &secret}
	h.inside.deep = []driver.Secret{secret}
	check := func(t *testing.T, text string) {
		t.Helper()
		for _, form := range []string{"%s", "%x", "%X", "% x", "%d"} {
			require.NotContains(t, text, fmt.Sprintf(form, []byte(value)))
		}
	}
	for verb := range strings.SplitSeq("%v %+v %#v %s %q %x %X %d %T %p %w %10s %-3v %.1s %t", " ") {
		t.Run(verb, func(t *testing.T) {
			for _, shown := range []any{secret, &secret, h, &h, []any{secret}, map[string]driver.Secret{"k": secret}, []holder{h}} {
				check(t, fmt.Sprintf(verb, shown))
				check(t, fmt.Errorf("x: "+verb, shown).Error())
			}
		})
	}
	check(t, fmt.Sprint(secret, h))
	check(t, secret.String())
	check(t, jsonOf(t, []any{secret, h, &h, map[string]any{"k": secret}}))

	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		t.Run("slog "+name, func(t *testing.T) {
			var out bytes.Buffer
			logger := slog.New(handler(&out)).With(slog.Any("d", secret))
			logger.Info("x", slog.Any("a", secret), slog.Any("b", h), slog.Any("c", &h), slog.Group("g", slog.Any("e", secret)))
			check(t, out.String())
			require.Contains(t, out.String(), "[redacted]")
		})
	}
}

func TestSecretPrintsWhereItComesFrom(t *testing.T) {
	for doc, want := range map[string]string{
		`"x"`: "[redacted]", `{"file":"/f"}`: "file:/f", `{"env":"E"}`: "env:E", `{"ref":"r/s"}`: "ref:r/s", `null`: "",
	} {
		secret := secretOf(t, doc)
		require.Equal(t, want, secret.String())
		require.Equal(t, want, fmt.Sprintf("%v", secret))
		require.Equal(t, fmt.Sprintf("%q", want), fmt.Sprintf("%q", secret))
		require.Equal(t, want, secret.LogValue().String())
	}
}

func TestSecretMarshalKeepsReferences(t *testing.T) {
	for _, doc := range []string{`{"file":"/f"}`, `{"env":"E"}`, `{"ref":"r/s"}`, `null`} {
		require.JSONEq(t, doc, jsonOf(t, secretOf(t, doc)))
	}
	require.JSONEq(t, `"[redacted]"`, jsonOf(t, driver.Literal("hunter2")))
}
