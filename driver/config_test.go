package driver_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
)

// base is embedded, and not exported, as drivers that share some fields have it.
type base struct {
	Endpoint string `json:"endpoint" required:"true" help:"address of the array"`
}

type tls struct {
	CA       string `json:"ca" default:"system"`
	Insecure bool   `json:"insecure"`
}

type node struct {
	Name     string        `json:"name" required:"true"`
	Password driver.Secret `json:"password"`
}

// level decodes itself from text.
type level int

func (l *level) UnmarshalText(text []byte) error {
	if string(text) != "high" {
		return fmt.Errorf("level %s", text)
	}
	*l = 3
	return nil
}

// ratio decodes itself from JSON.
type ratio struct{ A, B int }

func (r *ratio) UnmarshalJSON(doc []byte) error {
	if _, err := fmt.Sscanf(string(doc), `"%d:%d"`, &r.A, &r.B); err != nil {
		return fmt.Errorf("ratio %s", doc)
	}
	return nil
}

// config has one field of every kind.
type config struct {
	base

	Password driver.Secret            `json:"password" required:"true" help:"of the account"`
	Jobs     int                      `json:"jobs" default:"4"`
	Port     uint16                   `json:"port"`
	Rate     float64                  `json:"rate" default:"0.5"`
	Verify   bool                     `json:"verify" default:"true"`
	Timeout  time.Duration            `json:"timeout" default:"1m30s"`
	Level    level                    `json:"level"`
	Address  netip.Addr               `json:"address" default:"::1"`
	Ratio    ratio                    `json:"ratio"`
	Portals  []string                 `json:"portals" default:"[\"a:3260\"]"`
	Labels   map[string]string        `json:"labels" default:"{\"by\":\"us\"}"`
	TLS      tls                      `json:"tls"`
	Proxy    *tls                     `json:"proxy"`
	Retries  *int                     `json:"retries"`
	Nodes    []node                   `json:"nodes"`
	Vault    map[string]driver.Secret `json:"vault"`
	Extra    json.RawMessage          `json:"extra"`
	internal string
	Skipped  string `json:"-"`
}

func opened(t *testing.T, doc string) (config, error) {
	t.Helper()
	var got config
	opener := driver.Typed(func(c config, _ driver.Env) (driver.Driver, error) {
		got = c
		return &fakeDriver{}, nil
	})
	d, err := opener.Open(driver.OpenRequest{Config: json.RawMessage(doc)})
	require.Equal(t, err != nil, d == nil)
	return got, err
}

func TestConfigDefaults(t *testing.T) {
	got, err := opened(t, `{"endpoint":"https://a","password":"p"}`)
	require.NoError(t, err)
	require.Equal(t, config{
		base: base{Endpoint: "https://a"}, Password: driver.Literal("p"), Jobs: 4, Rate: 0.5, Verify: true, Timeout: 90 * time.Second,
		Address: netip.IPv6Loopback(), Portals: []string{"a:3260"}, Labels: map[string]string{"by": "us"}, TLS: tls{CA: "system"},
	}, got, "a pointer stays nil, a nested struct has its defaults")
}

func TestConfigGiven(t *testing.T) {
	got, err := opened(t, ` {
		"endpoint": "https://a", "password": {"env": "PW"}, "jobs": 0, "port": 65535, "rate": 2e1, "verify": false, "timeout": "0s",
		"level": "high", "address": "10.0.0.1", "ratio": "16:9", "portals": [], "labels": {}, "tls": {"ca": ""}, "proxy": {},
		"retries": 0, "nodes": [{"name": "n1", "password": "x"}, {"name": "n2"}], "vault": {"k": {"file": "/f"}}, "extra": [1, {}]
	} `)
	require.NoError(t, err)
	zero := 0
	require.Empty(t, got.internal)
	require.JSONEq(t, `{"env":"PW"}`, jsonOf(t, got.Password))
	require.JSONEq(t, `{"k":{"file":"/f"}}`, jsonOf(t, got.Vault))
	got.Password, got.Vault = driver.Secret{}, nil
	require.Equal(t, config{
		base: base{Endpoint: "https://a"}, Port: 65535, Rate: 20, Level: 3, Address: netip.MustParseAddr("10.0.0.1"),
		Ratio: ratio{16, 9}, Portals: []string{}, Labels: map[string]string{}, Proxy: &tls{CA: "system"}, Retries: &zero,
		Nodes: []node{{Name: "n1", Password: driver.Literal("x")}, {Name: "n2"}}, Extra: json.RawMessage(`[1, {}]`),
	}, got, "what is given counts, also if it is empty or zero; a pointer to a struct has the defaults inside")
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	doc, err := json.Marshal(v)
	require.NoError(t, err)
	return string(doc)
}

func TestConfigRefuses(t *testing.T) {
	tests := map[string]struct{ doc, want string }{
		"nothing":                  {``, `missing field "endpoint" (address of the array)`},
		"empty object":             {`{}`, `missing field "endpoint" (address of the array)`},
		"missing secret":           {`{"endpoint":"e"}`, `missing field "password" (of the account)`},
		"required empty":           {`{"endpoint":""`, `field "endpoint" is empty (address of the array)`},
		"required secret empty":    {`{"endpoint":"e","password":""`, `field "password" is empty (of the account)`},
		"unknown":                  {`"passwort":"x"`, `unknown field "passwort"; known: endpoint, password, jobs`},
		"case counts":              {`"Jobs":1`, `unknown field "Jobs"`},
		"skipped is unknown":       {`"-":1`, `unknown field "-"`},
		"Go name is unknown":       {`"internal":1`, `unknown field "internal"`},
		"nested unknown":           {`"tls":{"CA":"x"}`, `unknown field "tls.CA"; known: ca, insecure`},
		"nested pointer unknown":   {`"proxy":{"x":1}`, `unknown field "proxy.x"`},
		"list element unknown":     {`"nodes":[{"name":"a"},{"name":"b","x":1}]`, `unknown field "nodes[1].x"`},
		"list element missing":     {`"nodes":[{}]`, `missing field "nodes[0].name"`},
		"null":                     {`"jobs":null`, `field "jobs" is null; leave it out instead`},
		"null in a list":           {`"portals":["a",null]`, `field "portals[1]" is null`},
		"null in a map":            {`"labels":{"a":null}`, `field "labels[a]" is null`},
		"null pointer":             {`"proxy":null`, `field "proxy" is null`},
		"null secret":              {`"vault":{"a":null}`, `field "vault[a]" is null`},
		"twice":                    {`"jobs":1,"jobs":2`, `the configuration: "jobs" stands twice`},
		"twice, nested":            {`"tls":{"ca":"a","ca":"b"}`, `field "tls": "ca" stands twice`},
		"twice, in a map":          {`"labels":{"a":"1","a":"2"}`, `field "labels": "a" stands twice`},
		"text for a number":        {`"jobs":"4"`, `field "jobs": want a number (int)`},
		"number for a text":        {`"endpoint2":4`, `unknown field "endpoint2"`},
		"fraction for an integer":  {`"jobs":1.5`, `field "jobs": want a number (int)`},
		"beyond the range":         {`"port":65536`, `field "port": want a number (uint16)`},
		"below the range":          {`"port":-1`, `field "port": want a number (uint16)`},
		"text for a boolean":       {`"verify":"true"`, `field "verify": want a boolean`},
		"number for a duration":    {`"timeout":30`, `field "timeout": want a duration, as a string like "1m30s"`},
		"no duration":              {`"timeout":"30"`, `field "timeout": want a duration`},
		"object for a list":        {`"portals":{}`, `field "portals": want a list`},
		"number in a list of text": {`"portals":["a",1]`, `field "portals[1]": want a string`},
		"list for a map":           {`"labels":[]`, `field "labels": want one JSON object`},
		"number in a map of text":  {`"labels":{"a":1}`, `field "labels[a]": want a string`},
		"text for an object":       {`"tls":"x"`, `field "tls": want one JSON object`},
		"text that decodes itself": {`"level":"low"`, `field "level": want a string`},
		"JSON that decodes itself": {`"ratio":"wide"`, `field "ratio": want an object`},
		"address":                  {`"address":"10.0.0.256"`, `field "address": want a string`},
		"number for a secret":      {`"vault":{"a":1}`, `field "vault[a]": want a secret: a string, {"file": …}`},
		"secret of two kinds":      {`"vault":{"a":{"file":"x","env":"y"}}`, `field "vault[a]": want a secret`},
		"secret of no kind":        {`"vault":{"a":{"vault":"x"}}`, `field "vault[a]": want a secret`},
		"secret that was redacted": {`"vault":{"a":"[redacted]"}`, `field "vault[a]": want a secret`},
		"array":                    {`[]`, `the configuration: want one JSON object`},
		"text":                     {`"x"`, `the configuration: want one JSON object`},
		"null document":            {`null`, `the configuration: want one JSON object`},
		"data behind":              {`{} {}`, `the configuration is not one JSON object: mistake at byte 4`},
		"half a document":          {`{"a":`, `the configuration is not one JSON object: mistake at byte 5`},
		"comment":                  {`{// x`, `mistake at byte 2`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			doc := test.doc
			switch { // most rows are one field beside the required ones
			case strings.HasPrefix(doc, `"`) && strings.Contains(doc, ":"):
				doc = `{"endpoint":"e","password":"p",` + doc + `}`
			case strings.HasPrefix(name, "required"):
				doc += "}"
			}
			_, err := opened(t, doc)
			require.ErrorIs(t, err, driver.ErrInvalid)
			require.ErrorContains(t, err, test.want)
			e, ok := errors.AsType[*driver.Error](err)
			require.True(t, ok)
			require.Equal(t, "Open", e.Op)
		})
	}
}

// TestConfigErrorsHoldNoValue puts a secret where it can go wrong, and greps the error.
func TestConfigErrorsHoldNoValue(t *testing.T) {
	for _, field := range []string{
		`"jobs":"hunter2"`, `"verify":"hunter2"`, `"timeout":"hunter2"`, `"level":"hunter2"`, `"ratio":"hunter2"`, `"address":"hunter2"`,
		`"tls":"hunter2"`, `"tls":{"insecure":"hunter2"}`, `"portals":"hunter2"`, `"nodes":["hunter2"]`, `"vault":["hunter2"]`,
		`"vault":{"a":["hunter2"]}`, `"vault":{"a":{"literal":"hunter2"}}`, `"vault":{"a":{"file":"hunter2","env":"b"}}`,
		`"unknown":"hunter2"`, `"vault":{"a":"hunter2`, `"retries":"hunter2"`, `"x":hunter2`,
	} {
		_, err := opened(t, `{"endpoint":"e","password":"hunter2",`+field+`}`)
		require.ErrorIs(t, err, driver.ErrInvalid, field)
		for err := err; err != nil; err = errors.Unwrap(err) {
			require.NotContains(t, fmt.Sprintf("%+v", err), "hunter2", field)
		}
	}
}

type validated struct {
	Min int `json:"min"`
	Max int `json:"max" default:"10"`
}

func (v *validated) Validate() error {
	if v.Min > v.Max {
		return fmt.Errorf("field \"min\" is %d, above \"max\" %d", v.Min, v.Max)
	}
	return nil
}

func TestConfigValidateHook(t *testing.T) {
	calls := 0
	opener := driver.Typed(func(validated, driver.Env) (driver.Host, error) { calls++; return &fakeHost{}, nil })
	_, err := opener.Open(driver.OpenRequest{Config: json.RawMessage(`{"min":11}`)})
	require.EqualError(t, err, `Open: field "min" is 11, above "max" 10: invalid`)
	require.ErrorIs(t, err, driver.ErrInvalid)
	require.Zero(t, calls)
	_, err = opener.Open(driver.OpenRequest{Config: json.RawMessage(`{"min":9}`)})
	require.NoError(t, err)
	require.Equal(t, 1, calls)
}

func TestConstructorErrors(t *testing.T) {
	var result error
	opener := driver.Typed(func(emptyConfig, driver.Env) (driver.Driver, error) { return &fakeDriver{}, result })
	open := func(err error) error {
		result = err
		d, err := opener.Open(driver.OpenRequest{})
		require.Nil(t, d, "no driver beside an error")
		return err
	}
	err := open(errors.New("no such folder"))
	require.EqualError(t, err, "Open: no such folder: invalid")
	require.ErrorIs(t, err, driver.ErrInvalid)
	err = open(fmt.Errorf("fips mode: %w", driver.ErrUnsupported))
	require.EqualError(t, err, "Open: fips mode: not supported")
	require.Equal(t, driver.ErrUnsupported, driver.ClassOf(err))
}

func TestConstructorGetsTheEnvironment(t *testing.T) {
	var got driver.Env
	opener := driver.Typed(func(_ emptyConfig, env driver.Env) (driver.Driver, error) { got = env; return &fakeDriver{}, nil })
	env := driver.Env{Logger: driver.Env{}.Log()}
	_, err := opener.Open(driver.OpenRequest{Env: env})
	require.NoError(t, err)
	require.Same(t, env.Logger, got.Logger)
}
