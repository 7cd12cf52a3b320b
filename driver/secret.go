package driver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// secretSize is the most that a secret file is read, in bytes: keys and certificates fit, a wrong path to a large file does
// not fill memory.
const secretSize = 1 << 20

// SecretResolver looks a reference up in the embedder's vault. It is called each time the secret is needed. An error with
// the class [ErrInvalid] says that there is no such reference; any other that the vault could not be asked.
type SecretResolver func(ctx context.Context, ref string) (string, error)

// Secret is a password or key in a configuration: a JSON string, {"file": path}, {"env": name} or {"ref": name}.
//
// It is revealed per call, so a rotated file or vault entry is used at once. Printed, logged or marshalled, a literal is
// redacted and a reference stays as it is: a stored configuration keeps its references.
type Secret struct {
	// literal is behind a pointer because fmt prints the unexported fields of a program's own structs without asking
	// them: an address, then, and not the value.
	literal        *string
	file, env, ref string
}

var errSecretForm = errors.New(`secret: want a string, {"file": …}, {"env": …} or {"ref": …}`)

const redacted = "[redacted]"

// Literal returns a secret whose value is known.
func Literal(value string) Secret { return Secret{literal: &value} }

// IsZero reports whether no secret was given.
func (s Secret) IsZero() bool { return s == Secret{} }

// Reveal returns the value now, which may be empty. The file's last line break is dropped.
// Errors: ErrInvalid for a file, variable or reference that is not there, ErrUnavailable when the program's resolver fails
// otherwise; never with the value in it.
func (s Secret) Reveal(ctx context.Context, env Env) (string, error) {
	switch {
	case s.literal != nil:
		return *s.literal, nil
	case s.file != "":
		return readSecret(s.file)
	case s.env != "":
		value, ok := os.LookupEnv(s.env)
		if !ok {
			return "", Errorf(ErrInvalid, "secret: environment variable %s is not set", s.env)
		}
		return value, nil
	case s.ref != "":
		return resolve(ctx, env, s.ref)
	}
	return "", Errorf(ErrInvalid, "no secret is configured")
}

func resolve(ctx context.Context, env Env, ref string) (string, error) {
	if env.Secrets == nil {
		return "", Errorf(ErrInvalid, "secret: reference %q, but the program resolves no references", ref)
	}
	value, err := env.Secrets(ctx, ref)
	if err != nil {
		class := ErrUnavailable
		if ClassOf(err) == ErrInvalid {
			class = ErrInvalid
		}
		return "", Errorf(class, "secret: reference %q: %w", ref, err)
	}
	return value, nil
}

func readSecret(path string) (string, error) {
	f, err := os.Open(path)
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
	text, broken := strings.CutSuffix(string(value), "\n")
	if broken {
		text = strings.TrimSuffix(text, "\r")
	}
	return text, nil
}

// UnmarshalJSON reads one of the four forms; null is no secret. Its errors never hold the value.
func (s *Secret) UnmarshalJSON(doc []byte) error {
	if string(bytes.TrimSpace(doc)) == "null" {
		*s = Secret{}
		return nil
	}
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
		return errSecretForm
	}
	for kind, value := range object {
		switch {
		case kind != "file" && kind != "env" && kind != "ref":
			return errSecretForm
		case value == "":
			return fmt.Errorf("secret: %q is empty", kind)
		case kind == "file":
			*s = Secret{file: value}
		case kind == "env":
			*s = Secret{env: value}
		default:
			*s = Secret{ref: value}
		}
	}
	return nil
}

// MarshalJSON keeps a reference and redacts a literal.
func (s Secret) MarshalJSON() ([]byte, error) {
	switch {
	case s.literal != nil:
		return json.Marshal(redacted)
	case s.file != "":
		return json.Marshal(map[string]string{"file": s.file})
	case s.env != "":
		return json.Marshal(map[string]string{"env": s.env})
	case s.ref != "":
		return json.Marshal(map[string]string{"ref": s.ref})
	}
	return []byte("null"), nil
}

// String returns what may be printed.
func (s Secret) String() string {
	switch {
	case s.literal != nil:
		return redacted
	case s.file != "":
		return "file:" + s.file
	case s.env != "":
		return "env:" + s.env
	case s.ref != "":
		return "ref:" + s.ref
	}
	return ""
}

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
