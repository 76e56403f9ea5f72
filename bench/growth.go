package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/bench/nexmark"
	"github.com/edgeflow/edgeflow/dataflow/state"
)

// growthCommand runs Nexmark queries over many events, and tells of the first and of the
// last million how large state is and how long batches take.
func growthCommand(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("growth", flag.ContinueOnError)
	file := f.String("set", "../shared/nexmark/queries.yaml", "file of the published queries")
	events := f.Int64("events", 10_000_000, "number of events, at least a million")
	ttl := f.String("ttl", "", "table.exec.state.ttl, as in \"20 s\"; nothing keeps state for ever")
	only := f.String("q", "q4,q7,q9,q18,q19,q20,q23", "queries to run")
	check := f.Bool("check", false, "compare what remains with what remains without -ttl")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *events < million || *check && *ttl == "" {
		return fmt.Errorf("-events is at least %d, and -check needs -ttl", million)
	}
	set, err := nexmark.Load(*file)
	if err != nil {
		return err
	}
	settings := ""
	if *ttl != "" {
		settings = "SET 'table.exec.state.ttl' = '" + *ttl + "';\n"
	}
	runtime.GOMAXPROCS(1)
	if !*check {
		fmt.Printf("%-6s %9s %10s %10s %10s %10s %10s\n", "query", "events", "state MiB", "RSS MiB", "p50 ms", "p99 ms", "CPU p99 ms")
	}
	for _, q := range strings.Split(*only, ",") {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if *check {
			err = compareContents(set, q, *events, settings)
		} else {
			err = growth(set, nexmark.Job{Query: q, Events: *events, Settings: settings})
		}
		if err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

const million = 1_000_000

// growth runs a query and prints its first and its last million events.
func growth(set *nexmark.Set, j nexmark.Job) error {
	debug.FreeOSMemory() // of the query before
	var wall, cpu []time.Duration
	last := cpuTime()
	next := int64(million)
	row := func(events int64, s state.Stats) {
		const mib = 1 << 20
		fmt.Printf("%-6s %9d %10.1f %10.0f %10.2f %10.2f %10.2f\n", j.Query, events, float64(s.Pages)*state.DefaultPageSize/mib,
			float64(memoryOf(os.Getpid(), "VmRSS"))/mib, percentile(wall, 50), percentile(wall, 99), percentile(cpu, 99))
	}
	j.Sink = &nexmark.Counter{}
	j.Each = func(events int64, took time.Duration, s state.Stats) {
		now := cpuTime()
		wall, cpu, last = append(wall, took), append(cpu, now-last), now
		if events < next {
			return
		}
		if next == million || events >= j.Events {
			row(events, s)
		}
		wall, cpu = wall[:0], cpu[:0]
		next += million
	}
	r, err := set.Do(j)
	if err != nil {
		return err
	}
	fmt.Printf("%-6s %9.0f events/s\n", j.Query, float64(r.Events)/r.Elapsed.Seconds())
	return nil
}

// percentile is what p in 100 times do not exceed, in ms.
func percentile(t []time.Duration, p int) float64 {
	s := slices.Sorted(slices.Values(t))
	if len(s) == 0 {
		return 0
	}
	return float64(s[len(s)*p/100].Microseconds()) / 1000
}

// compareContents runs a query with and without settings and compares what remains.
func compareContents(set *nexmark.Set, query string, events int64, settings string) error {
	var kept, forgot nexmark.Contents
	if _, err := set.Do(nexmark.Job{Query: query, Events: events, Sink: &kept}); err != nil {
		return err
	}
	if _, err := set.Do(nexmark.Job{Query: query, Events: events, Settings: settings, Sink: &forgot}); err != nil {
		return err
	}
	if kept.Rows != forgot.Rows || kept.Sum != forgot.Sum {
		return fmt.Errorf("%d rows remain (%016x), and %d (%016x) without a time to live", forgot.Rows, forgot.Sum, kept.Rows, kept.Sum)
	}
	fmt.Printf("%-6s the same %d rows remain\n", query, kept.Rows)
	return nil
}
