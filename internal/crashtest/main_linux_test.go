package crashtest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
)

// childEnv carries the order of a child process: this test binary, started again.
const childEnv = "STORAGESNAP_CRASHTEST_ORDER"

func TestMain(m *testing.M) {
	text, ok := os.LookupEnv(childEnv)
	if !ok {
		os.Exit(m.Run())
	}
	var o order
	err := json.Unmarshal([]byte(text), &o)
	if err == nil {
		err = o.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
