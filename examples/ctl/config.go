package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// settings are the configuration file.
type settings struct {
	Inventory string         `json:"inventory" required:"true" help:"where the inventory is, as sqlite:/absolute/path.db"`
	Backends  []instance     `json:"backends" help:"the storage backends"`
	Hosts     []instance     `json:"hosts" help:"the hypervisors that have volumes attached"`
	Engine    engineSettings `json:"engine" help:"how the engine works"`
}

// instance is a backend or a host.
type instance struct {
	Name   string `json:"name" required:"true" help:"the name that volumes refer to; it stays with the array for ever"`
	Driver string `json:"driver" required:"true" help:"the driver's name: see ctl drivers"`
	// Config is the driver's own, with its secrets as they stand in the file. Print it redacted.
	Config json.RawMessage `json:"config" help:"the driver's own configuration: see ctl drivers NAME"`
}

// engineSettings are the engine's options that an operator may have a reason to set.
type engineSettings struct {
	Owner       string        `json:"owner" default:"ctl" help:"its name in leases; the machine and a random part follow"`
	Lease       time.Duration `json:"lease" default:"30s" help:"how long after the death of a ctl others leave its operation alone"`
	Poll        time.Duration `json:"poll" default:"5s" help:"how often operations of other processes are looked at"`
	CallTimeout time.Duration `json:"call_timeout" default:"2m" help:"the longest call of an array or host"`
	LongTimeout time.Duration `json:"long_timeout" default:"6h" help:"the longest clone"`
	Attempts    int           `json:"attempts" default:"3" help:"how often a step is tried before its operation waits"`
	//nolint:lll // a tag cannot be broken
	ManualRecovery bool          `json:"manual_recovery" default:"false" help:"leave what waits, or what dead processes left, to other programs and to ctl op"`
	Grace          time.Duration `json:"grace" default:"1m" help:"how long an interrupted command undoes before it ends"`
}

// Validate is called when the file has been read.
func (s *settings) Validate() error {
	if err := distinct("backends", s.Backends); err != nil {
		return err
	}
	if err := distinct("hosts", s.Hosts); err != nil {
		return err
	}
	for name, d := range map[string]time.Duration{
		"lease": s.Engine.Lease, "poll": s.Engine.Poll, "call_timeout": s.Engine.CallTimeout, "long_timeout": s.Engine.LongTimeout,
		"grace": s.Engine.Grace,
	} {
		if d <= 0 {
			return fmt.Errorf("field %q is %s; want more than 0", "engine."+name, d)
		}
	}
	if s.Engine.Attempts < 1 {
		return fmt.Errorf("field %q is %d; want at least 1", "engine.attempts", s.Engine.Attempts)
	}
	_, err := inventoryPath(s.Inventory)
	return err
}

func distinct(field string, all []instance) error {
	seen := make(map[string]bool)
	for _, i := range all {
		if seen[i.Name] {
			return fmt.Errorf("field %q names %q twice", field, i.Name)
		}
		seen[i.Name] = true
	}
	return nil
}

// inventoryPath reads the inventory's address.
func inventoryPath(dsn string) (string, error) {
	scheme, path, found := strings.Cut(dsn, ":")
	switch {
	case !found || scheme != "sqlite":
		// Not quoted: an address of a database server has a password in it.
		return "", errors.New(`field "inventory" is no address that this program knows; supported: sqlite:/absolute/path.db`)
	case !filepath.IsAbs(path):
		return "", fmt.Errorf("field %q is %q; want an absolute path, as sqlite:/absolute/path.db", "inventory", dsn)
	}
	return filepath.Clean(path), nil
}

// opener decodes settings as strictly as those of drivers, from the same kind of tags.
func opener() driver.Opener[*settings] {
	return driver.Typed(func(s settings, _ driver.Env) (*settings, error) { return &s, nil })
}

// configPath is where the configuration is.
func (a *app) configPath() (string, error) {
	if a.flags.config != "" {
		return a.flags.config, nil
	}
	if path := a.getenv(configVariable); path != "" {
		return path, nil
	}
	return "", &usageError{
		text: "no configuration: give -c FILE or set " + configVariable, next: "ctl config example prints one to start from",
	}
}

// load reads the configuration. Its errors name the file and the field, never a value of a driver's configuration.
func (a *app) load() (*settings, error) {
	path, err := a.configPath()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &usageError{text: "the configuration cannot be read: " + err.Error()}
	}
	s, err := parse(text)
	if err != nil {
		return nil, &usageError{text: path + ": " + err.Error(), next: "correct the file, then: ctl config check"}
	}
	return s, nil
}

func parse(text []byte) (*settings, error) {
	doc, err := jsonOf(text)
	if err != nil {
		return nil, err
	}
	s, err := opener().Open(driver.OpenRequest{Config: doc})
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return nil, e.Err
	}
	return s, err
}

// jsonOf reads YAML, of which JSON is a part.
func jsonOf(text []byte) (json.RawMessage, error) {
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return nil, wordless(err)
	}
	if node.IsZero() {
		return nil, errors.New("the file is empty; ctl config example prints one to start from")
	}
	texts(&node)
	var value any
	if err := node.Decode(&value); err != nil {
		return nil, wordless(err)
	}
	doc, err := json.Marshal(value)
	if err != nil || !keyedByTexts(value) {
		return nil, errors.New("the keys of all mappings must be texts, and numbers finite")
	}
	return doc, nil
}

// keyedByTexts: not every release of encoding/json refuses other keys.
func keyedByTexts(value any) bool {
	switch v := value.(type) {
	case map[any]any:
		return false
	case map[string]any:
		for _, one := range v {
			if !keyedByTexts(one) {
				return false
			}
		}
	case []any:
		return !slices.ContainsFunc(v, func(one any) bool { return !keyedByTexts(one) })
	}
	return true
}

// texts makes what YAML would take for a time stay the text that it is.
func texts(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!timestamp" {
		n.Tag = "!!str"
	}
	for _, below := range n.Content {
		texts(below)
	}
}

// quoted is what the parser repeats of the file, which may be a part of a secret.
var quoted = regexp.MustCompile("'[^']*'|`[^`]*`")

func wordless(err error) error {
	return errors.New("not YAML: " + quoted.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), "…"))
}

// options are the engine's, for this process.
func (s *settings) options(owner string) engine.Options {
	return engine.Options{
		Owner: owner, LeaseTTL: s.Engine.Lease, Poll: s.Engine.Poll, CallTimeout: s.Engine.CallTimeout,
		LongCallTimeout: s.Engine.LongTimeout, Attempts: s.Engine.Attempts, Grace: s.Engine.Grace,
	}
}
