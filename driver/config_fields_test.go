package driver_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
)

func configOpener() driver.Opener[driver.Driver] {
	return driver.Typed(func(config, driver.Env) (driver.Driver, error) { return &fakeDriver{}, nil })
}

func TestFields(t *testing.T) {
	require.Equal(t, []driver.Field{
		{Name: "endpoint", Type: "string", Help: "address of the array", Required: true},
		{Name: "password", Type: "secret", Help: "of the account", Required: true, Secret: true},
		{Name: "jobs", Type: "number", Default: "4"},
		{Name: "port", Type: "number"},
		{Name: "rate", Type: "number", Default: "0.5"},
		{Name: "verify", Type: "boolean", Default: "true"},
		{Name: "timeout", Type: "duration", Default: "1m30s"},
		{Name: "level", Type: "string"},
		{Name: "address", Type: "string", Default: "::1"},
		{Name: "ratio", Type: "object"},
		{Name: "portals", Type: "list", Default: `["a:3260"]`},
		{Name: "labels", Type: "object", Default: `{"by":"us"}`},
		{Name: "tls", Type: "object"},
		{Name: "tls.ca", Type: "string", Default: "system"},
		{Name: "tls.insecure", Type: "boolean"},
		{Name: "proxy", Type: "object"},
		{Name: "proxy.ca", Type: "string", Default: "system"},
		{Name: "proxy.insecure", Type: "boolean"},
		{Name: "retries", Type: "number"},
		{Name: "nodes", Type: "list"},
		{Name: "nodes[].name", Type: "string", Required: true},
		{Name: "nodes[].password", Type: "secret", Secret: true},
		{Name: "vault", Type: "object"},
		{Name: "vault[]", Type: "secret", Secret: true},
		{Name: "extra", Type: "object"},
	}, configOpener().Fields())
}

func TestFieldsAreACopy(t *testing.T) {
	opener := configOpener()
	opener.Fields()[0].Name = "changed"
	require.Equal(t, "endpoint", opener.Fields()[0].Name)
}

func TestRedact(t *testing.T) {
	tests := map[string]struct{ doc, want string }{
		"literal":               {`{"endpoint":"e","password":"hunter2"}`, `{"endpoint":"e","password":"[redacted]"}`},
		"file":                  {`{"password":{"file":"/f"}}`, `{"password":{"file":"/f"}}`},
		"environment":           {`{"password":{"env":"PW"}}`, `{"password":{"env":"PW"}}`},
		"reference":             {`{"password":{"ref":"a/b"}}`, `{"password":{"ref":"a/b"}}`},
		"no secret at all":      {`{"password":["hunter2"]}`, `{"password":"[redacted]"}`},
		"two kinds":             {`{"password":{"file":"/f","x":"hunter2"}}`, `{"password":"[redacted]"}`},
		"null secret":           {`{"password":null}`, `{"password":null}`},
		"redacted before":       {`{"password":"[redacted]"}`, `{"password":"[redacted]"}`},
		"other case is unknown": {`{"Password":"hunter2"}`, `{}`},
		"misspelt is unknown":   {`{"pasword":"hunter2","jobs":1}`, `{"jobs":1}`},
		"in a list":             {`{"nodes":[{"name":"a","password":"hunter2"}]}`, `{"nodes":[{"name":"a","password":"[redacted]"}]}`},
		"unknown in a list":     {`{"nodes":[{"pw":"hunter2"},"hunter2"]}`, `{"nodes":[{},null]}`},
		"in a map":              {`{"vault":{"k":"hunter2"}}`, `{"vault":{"k":"[redacted]"}}`},
		"in another shape":      {`{"endpoint":{"password":"hunter2"},"portals":"hunter2","tls":"hunter2","jobs":["hunter2"]}`, `{}`},
		"unknown, nested":       {`{"tls":{"ca":"c","password":"hunter2"},"proxy":{"key":"hunter2"}}`, `{"tls":{"ca":"c"},"proxy":{}}`},
		"document of its own":   {`{"extra":{"key":"hunter2"},"ratio":{"k":"hunter2"}}`, `{"extra":{},"ratio":{}}`},
		"plain values stay":     {`{"labels":{"a":"b"},"portals":["x"],"rate":1.5}`, `{"labels":{"a":"b"},"portals":["x"],"rate":1.5}`},
		"twice":                 {`{"password":"hunter2","password":{"env":"x"}}`, `null`},
		"list":                  {`["hunter2"]`, `null`},
		"text":                  {`"hunter2"`, `null`},
		"no JSON":               {`{"password":"hunter2"`, `null`},
		"nothing":               {``, `null`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			clean := configOpener().Redact(json.RawMessage(test.doc))
			require.JSONEq(t, test.want, string(clean))
			require.Equal(t, string(clean), string(configOpener().Redact(clean)), "redacting again changes nothing")
		})
	}
}

// TestRedactedConfigIsNotOpened: a stored, redacted configuration is refused rather than used with a wrong password.
func TestRedactedConfigIsNotOpened(t *testing.T) {
	doc := configOpener().Redact(json.RawMessage(`{"endpoint":"e","password":"hunter2"}`))
	_, err := configOpener().Open(driver.OpenRequest{Config: doc})
	require.ErrorIs(t, err, driver.ErrInvalid)
	doc = configOpener().Redact(json.RawMessage(`{"endpoint":"e","password":{"env":"PW"}}`))
	_, err = configOpener().Open(driver.OpenRequest{Config: doc})
	require.NoError(t, err, "a reference survives")
}

type (
	recursive struct {
		Next []recursive `json:"next"`
	}
	embedsPointer struct {
		*tls
	}
	embedsSelfDecoding struct {
		time.Time

		Name string `json:"name"`
	}
	embedsNumber struct {
		level
	}
	shadowing struct {
		base

		Endpoint string `json:"endpoint"`
	}
)

func panicOf[C any]() func() {
	return func() { driver.Typed(func(C, driver.Env) (driver.Driver, error) { return &fakeDriver{}, nil }) }
}

func TestTypedPanicsOnMistakes(t *testing.T) {
	tests := map[string]struct {
		typed func()
		want  string
	}{
		"no struct":           {panicOf[map[string]string](), "map[string]string is not a plain struct"},
		"pointer":             {panicOf[*config](), "*driver_test.config is not a plain struct"},
		"decodes itself":      {panicOf[ratio](), "driver_test.ratio is not a plain struct"},
		"embeds what does so": {panicOf[embedsSelfDecoding](), "is not a plain struct"},
		"embeds a pointer":    {panicOf[embedsPointer](), `field "tls": an embedded field is a struct without a json tag`},
		"embeds a number":     {panicOf[embedsNumber](), `is not a plain struct`},
		"no json name":        {panicOf[struct{ Dir string }](), `field "Dir": has no json name`},
		"empty json name": {panicOf[struct {
			Dir string `json:",omitempty"`
		}](), `field "Dir": has no json name`},
		"same name twice": {panicOf[shadowing](), `field "endpoint": stands twice in the struct`},
		"function": {panicOf[struct {
			F func() `json:"f"`
		}](), `field "f": a configuration cannot hold a func()`},
		"interface": {panicOf[struct {
			F any `json:"f"`
		}](), `cannot hold a interface {}`},
		"array": {panicOf[struct {
			F [2]int `json:"f"`
		}](), `cannot hold a [2]int`},
		"channel in a list": {panicOf[struct {
			F []chan int `json:"f"`
		}](), `field "f[]": a configuration cannot hold a chan int`},
		"bytes": {panicOf[struct {
			F []byte `json:"f"`
		}](), `bytes have no form of their own`},
		"map of numbers": {panicOf[struct {
			F map[int]string `json:"f"`
		}](), `the keys of a map are strings`},
		"recursion": {panicOf[recursive](), `nests deeper than 8, or holds itself`},
		"required": {panicOf[struct {
			F int `json:"f" required:"yes"`
		}](), `the tag required is "true" or "false"`},
		"default of a number": {panicOf[struct {
			F int `json:"f" default:"four"`
		}](), `field "f": its default cannot be read`},
		"default of a list": {panicOf[struct {
			F []string `json:"f" default:"a,b"`
		}](), `field "f": its default cannot be read`},
		"default of duration": {panicOf[struct {
			F time.Duration `json:"f" default:"30"`
		}](), `its default cannot be read`},
		"nested field": {panicOf[struct {
			T struct{ X string } `json:"t"`
		}](), `field "t.X": has no json name`},
		"nested in a list": {panicOf[struct {
			T []struct{ X string } `json:"t"`
		}](), `field "t[].X": has no json name`},
		"default out of range": {panicOf[struct {
			F uint8 `json:"f" default:"256"`
		}](), `its default cannot be read`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			defer func() {
				message, isText := recover().(string)
				require.True(t, isText, "no panic")
				require.Contains(t, message, "driver: Typed: ")
				require.Contains(t, message, test.want)
			}()
			test.typed()
		})
	}
}
