package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// values reads what was printed, by name{label="value",…}.
func values(t *testing.T, text string) map[string]float64 {
	t.Helper()
	all := make(map[string]float64)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		require.Positive(t, at, line)
		v, err := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64)
		require.NoError(t, err, line)
		all[line[:at]] = v
	}
	return all
}

func TestOnce(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-once"}, &out))
	got := values(t, out.String())
	for name, want := range map[string]float64{
		`storagesnap_operation_outcomes_total{storagesnap_operation_kind="import",storagesnap_operation_state="succeeded"}`: 1,
		`storagesnap_operation_outcomes_total{storagesnap_operation_kind="import",storagesnap_operation_state="refused"}`:   1,
		`storagesnap_operation_outcomes_total{storagesnap_operation_kind="create",storagesnap_operation_state="succeeded"}`: 2,
		`storagesnap_operation_outcomes_total{storagesnap_operation_kind="revert",storagesnap_operation_state="succeeded"}`: 1,
		`storagesnap_operation_outcomes_total{storagesnap_operation_kind="delete",storagesnap_operation_state="succeeded"}`: 1,

		`storagesnap_operation_duration_seconds_count{storagesnap_operation_kind="create",storagesnap_operation_state="succeeded"}`: 2,

		`storagesnap_step_duration_seconds_count{storagesnap_operation_kind="revert",storagesnap_step="Revert",storagesnap_undoing="false"}`: 1,

		`storagesnap_call_duration_seconds_count{storagesnap_backend="images",storagesnap_call="CreateSnapshot"}`:                2,
		`storagesnap_call_duration_seconds_count{storagesnap_backend="images",storagesnap_call="Revert"}`:                        1,
		`storagesnap_call_duration_seconds_count{error_type="not found",storagesnap_backend="images",storagesnap_call="Volume"}`: 1,

		`storagesnap_operation_waiting{storagesnap_waits_for="retry"}`:  0,
		`storagesnap_operation_waiting{storagesnap_waits_for="person"}`: 0,
		`storagesnap_operation_oldest_age_seconds`:                      0,
		`storagesnap_operation_quiesced`:                                0,
		`storagesnap_inventory_up`:                                      1,
		`storagesnap_backend_up{storagesnap_backend="images"}`:          1,
	} {
		v, there := got[name]
		require.True(t, there, "%s is missing in\n%s", name, out.String())
		require.InDelta(t, want, v, 0, name)
	}
	age, there := got[`storagesnap_backend_last_create_age_seconds{storagesnap_backend="images"}`]
	require.True(t, there)
	require.GreaterOrEqual(t, age, 0.0)
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*"))
	require.NoError(t, err)
	require.Empty(t, left, "the temporary folder is removed")
}

// TestNamesFollowTheTable: what the engine documents is what a scraper gets, as Prometheus spells it.
func TestNamesFollowTheTable(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-once"}, &out))
	for _, name := range []string{
		engine.MetricOutcomes, engine.MetricOperationDuration, engine.MetricStepDuration, engine.MetricCallDuration,
		engine.MetricWaiting, engine.MetricOldestAge, engine.MetricQuiesced, engine.MetricInventoryUp,
		engine.MetricBackendUp, engine.MetricLastCreateAge,
	} {
		require.Contains(t, out.String(), "\n"+strings.ReplaceAll(name, ".", "_"), name)
	}
}

func TestServesUntilInterrupted(t *testing.T) {
	ctx, interrupt := context.WithTimeout(t.Context(), time.Minute)
	defer interrupt()
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, nil, writer)
		_ = writer.CloseWithError(io.EOF)
		ended <- err
	}()
	var printed bytes.Buffer
	for !strings.Contains(printed.String(), "# serving") {
		chunk := make([]byte, 4096)
		n, err := reader.Read(chunk)
		require.NoError(t, err, printed.String())
		printed.Write(chunk[:n])
	}
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+/metrics`).FindString(printed.String())
	require.NotEmpty(t, url)
	answer, err := http.Get(url)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Contains(t, string(body), "# TYPE storagesnap_call_duration_seconds histogram")
	require.Contains(t, string(body), "# TYPE storagesnap_operation_outcomes_total counter")
	require.Contains(t, string(body), "# TYPE storagesnap_operation_waiting gauge")
	http.DefaultClient.CloseIdleConnections()
	interrupt()
	require.NoError(t, <-ended)
	_, err = http.Get(url)
	require.Error(t, err, "it is closed")
}

func TestRefuses(t *testing.T) {
	for name, args := range map[string][]string{
		"an unknown flag": {"-frobnicate"}, "an argument": {"x"}, "a port that is none": {"-port", "70000"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, run(t.Context(), args, io.Discard))
		})
	}
}
