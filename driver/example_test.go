package driver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// acmeConfig is the configuration of a vendor's driver.
type acmeConfig struct {
	Endpoint string        `json:"endpoint" required:"true" help:"https://host of the array"`
	User     string        `json:"user" default:"storagesnap" help:"login name"`
	Password driver.Secret `json:"password" required:"true" help:"of the user"`
	Timeout  time.Duration `json:"timeout" default:"30s" help:"for one request"`
}

// Validate says what tags cannot.
func (c acmeConfig) Validate() error {
	if !strings.HasPrefix(c.Endpoint, "https://") {
		return errors.New(`field "endpoint": want https://host`)
	}
	return nil
}

// acme is the driver; its methods are left out here.
type acme struct {
	driver.Driver

	config acmeConfig
}

func newAcme(config acmeConfig, _ driver.Env) (driver.Driver, error) {
	return &acme{config: config}, nil
}

func init() { driver.Register("acme", driver.Typed(newAcme)) }

// A vendor's package registers its driver in an init function, as above; a program imports the package for that effect
// alone and opens the driver by name, with a configuration from its own files or forms.
func ExampleRegister() {
	for _, config := range []string{
		`{"endpoint": "https://array.example.org", "password": {"file": "/etc/acme/password"}}`,
		`{"endpoint": "https://array.example.org", "pasword": "hunter2"}`,
		`{"endpoint": "array.example.org", "password": "hunter2"}`,
	} {
		d, err := driver.Open("acme", driver.OpenRequest{Config: json.RawMessage(config)})
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("opened", d.(*acme).config)
	}
	_, err := driver.Open("netstore", driver.OpenRequest{})
	fmt.Println(strings.Contains(err.Error(), `unknown driver "netstore" (forgotten import?)`))

	// Output:
	// opened {https://array.example.org storagesnap file:/etc/acme/password 30s}
	// Open: missing field "password" (of the user): invalid
	// Open: field "endpoint": want https://host: invalid
	// true
}

// Forms and documentation come from the same struct that is decoded.
func ExampleOpener_Fields() {
	opener := driver.Typed(newAcme)
	for _, f := range opener.Fields() {
		fmt.Printf("%s (%s, default %q): %s.\n", f.Name, f.Type, f.Default, f.Help)
	}
	fmt.Println(string(opener.Redact(json.RawMessage(`{"user": "admin", "password": "hunter2"}`))))

	// Output:
	// endpoint (string, default ""): https://host of the array.
	// user (string, default "storagesnap"): login name.
	// password (secret, default ""): of the user.
	// timeout (duration, default "30s"): for one request.
	// {"password":"[redacted]","user":"admin"}
}

// A hook sees every call of a driver and of its abilities: here it counts round trips and refuses mutations.
func ExampleWrap() {
	calls := map[string]int{}
	readOnly := func(ctx context.Context, call *driver.Call, next func(context.Context) error) error {
		calls[call.Method]++
		if call.Mutation {
			return driver.In(call.Method, driver.Errorf(driver.ErrPermission, "this program only looks"))
		}
		return next(ctx)
	}
	d := driver.Wrap(&fakeDriver{}, readOnly)

	description, err := d.Describe(context.Background())
	fmt.Println(description.Product, err)
	_, err = d.CreateSnapshot(context.Background(), driver.CreateSnapshotRequest{Volume: "7", Token: "s1234567abc"})
	fmt.Println(err, "- effect:", driver.EffectOf(err))
	fmt.Println(calls)

	// Output:
	// fake <nil>
	// CreateSnapshot: this program only looks: permission denied - effect: none
	// map[CreateSnapshot:1 Describe:1]
}

// An error says what stands in the way, and whether anything happened.
func ExampleBlocked() {
	err := driver.In("DeleteSnapshot", driver.Blocked(driver.ErrInUse,
		[]driver.Blocker{{Kind: "clone", ID: "731", Name: "web-test"}}, "snapshot %s of volume %s", "12", "7"))
	fmt.Println(err)
	fmt.Println(errors.Is(err, driver.ErrInUse), driver.EffectOf(err), driver.BlockersOf(err)[0].Name)

	// Output:
	// DeleteSnapshot: snapshot 12 of volume 7: in use (in the way: clone 731 (web-test))
	// true none web-test
}
