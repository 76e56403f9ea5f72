package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"

	"github.com/edgeflow/edgeflow/bench/nexmark"
)

// nexmarkCommand runs Nexmark queries in an engine alone, one after the other on one core.
func nexmarkCommand(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("nexmark", flag.ContinueOnError)
	file := f.String("set", "../shared/nexmark/queries.yaml", "file of the published queries")
	events := f.Int64("events", 1_000_000, "number of events")
	decode := f.Bool("decode", false, "read JSON messages, one an event, instead of generated rows")
	profile := f.String("cpuprofile", "", "file for a CPU profile of the runs")
	only := f.String("q", "", "queries to run, as in q1,q7 or \"pattern q0\" (default all)")
	if err := f.Parse(args); err != nil {
		return err
	}
	set, err := nexmark.Load(*file)
	if err != nil {
		return err
	}
	names := set.Names()
	if *only != "" {
		names = strings.Split(*only, ",")
	}
	var log *nexmark.Log
	if *decode {
		if log, err = set.Log(*events); err != nil {
			return err
		}
		fmt.Printf("%d bytes an event\n", log.Bytes()/max(log.Len(), 1))
	}
	if *profile != "" {
		w, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer w.Close()
		if err := pprof.StartCPUProfile(w); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	fmt.Printf("%-12s %12s %10s %12s %12s\n", "query", "events/s", "seconds", "rows", "state MiB")
	failed := 0
	for _, n := range names {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var c nexmark.Counter
		r, err := set.Do(nexmark.Job{Query: n, Events: *events, Log: log, Sink: &c})
		if err != nil {
			failed++
			fmt.Printf("%-12s %s\n", n, strings.SplitN(err.Error(), "\n", 2)[0])
			continue
		}
		s := r.Elapsed.Seconds()
		fmt.Printf("%-12s %12.0f %10.2f %12d %12.1f\n", n, float64(r.Events)/s, s, c.Rows(), float64(r.StateBytes)/(1<<20))
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d queries did not run", failed, len(names))
	}
	return nil
}
