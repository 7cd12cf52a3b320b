package driverhttp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/driverhttp"
)

// decodeRPC reads a JSON-RPC reply: errors come with status 200, and the array's names say what they mean.
func decodeRPC(r *driverhttp.Reply) (json.RawMessage, error) {
	if err := driverhttp.CheckStatus(r); err != nil {
		return nil, err
	}
	var reply struct {
		Result json.RawMessage
		Error  *struct{ Name, Message string }
	}
	if err := json.Unmarshal(r.Body, &reply); err != nil {
		return nil, err
	}
	if reply.Error == nil {
		return reply.Result, nil
	}
	err := driver.Errorf(driver.ErrInvalid, "%s", reply.Error.Message)
	err.VendorCode = reply.Error.Name
	switch reply.Error.Name {
	case "xNotPrimary":
		// Documented as a refusal before any work: the one thing that lets a mutation be sent again.
		err.Class = driver.ErrBusy
		return nil, driverhttp.Resend(err)
	case "xSnapshotIDDoesNotExist":
		err.Class = driver.ErrNotFound
	case "xDBConnectionLoss":
		err.Class = driver.ErrIndeterminate
	}
	return nil, err
}

func Example() {
	attempt := 0
	array := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		attempt++
		if attempt == 1 {
			_, _ = fmt.Fprint(w, `{"error":{"name":"xNotPrimary","message":"slice is moving"}}`)
			return
		}
		_, _ = fmt.Fprint(w, `{"result":{"snapshotID":3110}}`)
	}))
	defer array.Close()

	c, err := driverhttp.New(driverhttp.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()

	// A mutation, since nothing else is said.
	result, err := driverhttp.Call(context.Background(), c, &driverhttp.Request{
		URL:    array.URL + "/json-rpc/12.0",
		Header: http.Header{"Content-Type": {"application/json-rpc"}},
		Body:   []byte(`{"method":"CreateSnapshot","params":{"volumeID":5}}`),
	}, decodeRPC)
	fmt.Println(string(result), err, attempt)
	// Output: {"snapshotID":3110} <nil> 2
}
