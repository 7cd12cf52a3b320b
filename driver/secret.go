package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
)

// secretSize is the most that a secret file is read, in bytes: keys and certificates fit, a wrong path to a large file does
// not fill memory.
const secretSize = 1 << 20

// SecretResolver looks a reference up in the embedder's vault. It is called each time the secret is needed.
type SecretResolver func(ctx context.Context, ref string) (string, error)

// Secret is a password or key in a configuration: a JSON string, {"file": path}, {"env": name} or {"ref": name}.
//
// It is revealed per call, so a rotated file or vault entry is used at once. Printed, logged or marshalled, a literal is
// redacted and a reference stays as it is: a stored configuration keeps its references.
type Secret struct {
	literal, file, env, ref string
	set                     bool
}

const redacted = "[redacted]"

// Literal returns a secret whose value is known.
func Literal(value string) Secret { return Secret{literal: value, set: true} }

// IsZero reports whether no secret was given.
func (s Secret) IsZero() bool { return !s.set }

// Reveal returns the value now. The file's last line break is dropped.
// Errors: ErrInvalid for a file, variable or reference that is not there, never with the value in it.
func (s Secret) Reveal(ctx context.Context, env Env) (string, error) {
	switch {
	case !s.set:
		return "", Errorf(ErrInvalid, "no secret is configured")
	case s.file != "":
		return readSecret(s.file)
	case s.env != "":
		value, ok := os.LookupEnv(s.env)
		if !ok {
			return "", Errorf(ErrInvalid, "secret: environment variable %s is not set", s.env)
		}
		return value, nil
	case s.ref != "":
		if env.Secrets == nil {
			return "", Errorf(ErrInvalid, "secret: reference %q, but the program resolves no references", s.ref)
		}
		value, err := env.Secrets(ctx, s.ref)
		if err != nil {
			return "", Errorf(ErrInvalid, "secret: reference %q: %w", s.ref, err)
		}
		return value, nil
	}
	return s.literal, nil
}

func readSecret(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the operator's own configuration names the file
	if err != nil {
		return "", Errorf(ErrInvalid, "secret: %w", err)
	}
	defer func() { _ = f.Close() }()
	value, err := io.ReadAll(io.LimitReader(f, secretSize+1))
	if err != nil {
		return "", Errorf(ErrInvalid, "secret: %w", err)
	}
	if len(value) > secretSize {
		return "", Errorf(ErrInvalid, "secret: file %s is larger than %d bytes", path, secretSize)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(value), "\n"), "\r"), nil
}

// UnmarshalJSON reads one of the four forms.
func (s *Secret) UnmarshalJSON(doc []byte) error {
	var literal string
	if json.Unmarshal(doc, &literal) == nil {
		if literal == redacted {
			return errors.New("secret: the value was redacted when it was stored; give it again")
		}
		*s = Literal(literal)
		return nil
	}
	var object map[string]string
	if json.Unmarshal(doc, &object) != nil || len(object) != 1 {
		return errors.New(`secret: want a string, {"file": …}, {"env": …} or {"ref": …}`)
	}
	kind := slices.Collect(maps.Keys(object))[0]
	value := object[kind]
	if value == "" {
		return fmt.Errorf("secret: %q is empty", kind)
	}
	switch kind {
	case "file":
		*s = Secret{file: value, set: true}
	case "env":
		*s = Secret{env: value, set: true}
	case "ref":
		*s = Secret{ref: value, set: true}
	default:
		return errors.New(`secret: want a string, {"file": …}, {"env": …} or {"ref": …}`)
	}
	return nil
}

// MarshalJSON keeps a reference and redacts a literal.
func (s Secret) MarshalJSON() ([]byte, error) {
	switch {
	case !s.set:
		return []byte("null"), nil
	case s.file != "":
		return json.Marshal(map[string]string{"file": s.file})
	case s.env != "":
		return json.Marshal(map[string]string{"env": s.env})
	case s.ref != "":
		return json.Marshal(map[string]string{"ref": s.ref})
	}
	return json.Marshal(redacted)
}

// String returns what may be printed.
func (s Secret) String() string {
	switch {
	case !s.set:
		return ""
	case s.file != "":
		return "file:" + s.file
	case s.env != "":
		return "env:" + s.env
	case s.ref != "":
		return "ref:" + s.ref
	}
	return redacted
}

// GoString returns what may be printed.
func (s Secret) GoString() string { return "driver.Secret(" + s.String() + ")" }

// Format prints the secret redacted whatever the verb, so that %v of a whole configuration is safe.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'q' {
		_, _ = fmt.Fprintf(f, "%q", s.String())
		return
	}
	_, _ = io.WriteString(f, s.String())
}

// LogValue returns what may be logged.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Interface guards.
var (
	_ json.Marshaler   = Secret{}
	_ json.Unmarshaler = (*Secret)(nil)
	_ fmt.Formatter    = Secret{}
	_ slog.LogValuer   = Secret{}
)
