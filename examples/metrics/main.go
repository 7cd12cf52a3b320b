// Metrics shows how a program around the engine gets its metrics to Prometheus: the OpenTelemetry SDK and its exporter
// belong to the program, the engine only knows their API. It needs no array and no server; everything is in a temporary
// folder, which is removed at the end.
//
//	go -C examples/metrics run . -once
//
// It takes, reverts and deletes snapshots of a small image, serves what was measured on /metrics, on the loopback interface
// only, and prints the lines of interest as a scraper gets them. With -once it then ends, else it serves until it is
// interrupted. What the names mean: go doc github.com/storagesnap/storagesnap/snapshot/engine.Scope.
//
// Arguments: -once
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "metrics:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("metrics", flag.ContinueOnError)
	once := flags.Bool("once", false, "end after the first scrape")
	port := flags.Uint("port", 0, "port of the loopback interface to serve on (default: a free one, which is printed)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
	if err != nil {
		return err
	}
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	defer func() { err = errors.Join(err, provider.Shutdown(context.WithoutCancel(ctx))) }()

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		return err
	}
	url, ended := serve(ctx, listener, registry)
	defer func() { err = errors.Join(err, ended()) }()

	return withEngine(ctx, engine.Options{MeterProvider: provider}, func(w work) error {
		if err := w.do(ctx); err != nil {
			return err
		}
		if err := printScrape(ctx, out, url); err != nil || *once {
			return err
		}
		_, _ = fmt.Fprintln(out, "# serving; interrupt to end")
		<-ctx.Done()
		return nil
	})
}
