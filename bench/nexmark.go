package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/bench/nexmark"
)

// The places that events come from: rows generated as columns, a file of JSON lines, and a
// JetStream server.
const (
	fromEngine    = "engine"
	fromDecode    = "decode"
	fromJetstream = "jetstream"
)

// nexmarkOptions are the flags of `bench nexmark`.
type nexmarkOptions struct {
	set         string
	events      int64
	small       int64
	rounds      int
	pack        int
	sources     []string
	queries     []string
	flink       bool
	flinkRounds int
	ask         string
	json        string
	profile     string
	// both runs the queries interpreted, then generated; code tells that of the run in hand.
	both, code bool
}

// nexmarkCommand runs Nexmark queries, each run a process of its own, and prints tables in
// Markdown.
func nexmarkCommand(ctx context.Context, args []string) (err error) {
	var o nexmarkOptions
	names, err := o.parse(args)
	if err != nil {
		return err
	}
	set, err := nexmark.Load(o.set)
	if err != nil {
		return err
	}
	if o.queries == nil {
		o.queries = set.Names()
	}
	dir, err := os.MkdirTemp("", "edgeflow-bench-nexmark-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	report := &nexmarkReport{Machine: machine(), Events: o.events, Rounds: o.rounds}
	fmt.Printf("%s; %d events, median of %d rounds\n", report.Machine, o.events, o.rounds)
	for _, s := range names {
		err = errors.Join(err, o.source(ctx, set, dir, s, report))
		if o.both && s != fromEngine {
			err = errors.Join(err, o.generated(ctx, set, dir, s, report))
		}
	}
	if o.flink {
		err = errors.Join(err, o.peer(ctx, set, dir, report))
	}
	if o.json != "" {
		b, e := json.MarshalIndent(report, "", "  ")
		if e == nil {
			e = os.WriteFile(o.json, append(b, '\n'), 0o644)
		}
		err = errors.Join(err, e)
	}
	return err
}

// parse reads the flags and returns the sources to read from.
func (o *nexmarkOptions) parse(args []string) ([]string, error) {
	f := flag.NewFlagSet("nexmark", flag.ContinueOnError)
	f.StringVar(&o.set, "set", "../shared/nexmark/queries.yaml", "file of the published queries")
	f.Int64Var(&o.events, "events", 1_000_000, "number of events")
	f.Int64Var(&o.small, "small-events", 0, "events of Flink's small file (default a quarter of -events)")
	f.IntVar(&o.rounds, "rounds", 3, "measured rounds")
	f.IntVar(&o.flinkRounds, "flink-rounds", 1, "measured rounds of Flink")
	f.IntVar(&o.pack, "pack", 1, "events a message, from jetstream")
	source := f.String("source", "", "where events come from, some of engine (generated as columns, the default), decode (a file of JSON lines), jetstream (a server)")
	decode := f.Bool("decode", false, "short for -source decode")
	f.BoolVar(&o.flink, "flink", false, "compare with Flink over the same file (needs a JDK 17 and Maven); implies decode")
	f.BoolVar(&o.both, "generated", false, "run the queries once more with generated code; implies decode (needs a Go toolchain and a checkout)")
	all := f.Bool("all", false, "every source, and Flink")
	f.StringVar(&o.ask, "ask", "bench/peers/flink/ask", "the program that asks Flink")
	f.StringVar(&o.json, "json", "", "file for the figures as JSON")
	f.StringVar(&o.profile, "cpuprofile", "", "file for a CPU profile; with several runs, -SOURCE-QUERY is appended to its name")
	only := f.String("q", "", "queries to run, as in q1,q7 or \"pattern q0\" (default all)")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if o.events < 4 || o.rounds < 1 || o.flinkRounds < 1 || o.pack < 1 {
		return nil, errors.New("-rounds, -flink-rounds and -pack are at least 1, -events at least 4")
	}
	if o.small == 0 {
		o.small = o.events / 4
	}
	if o.small < 1 || o.small >= o.events {
		return nil, errors.New("-small-events is less than -events")
	}
	if *only != "" {
		o.queries = strings.Split(*only, ",")
	}
	if *source != "" {
		o.sources = strings.Split(*source, ",")
	}
	if *all {
		o.flink, o.sources = true, []string{fromEngine, fromDecode, fromJetstream}
	}
	if (*decode || o.flink || o.both && !slices.Contains(o.sources, fromJetstream)) && !slices.Contains(o.sources, fromDecode) {
		o.sources = append(o.sources, fromDecode)
	}
	if o.sources == nil {
		o.sources = []string{fromEngine}
	}
	for _, s := range o.sources {
		if s != fromEngine && s != fromDecode && s != fromJetstream {
			return nil, fmt.Errorf("-source %s is none of engine, decode, jetstream", s)
		}
	}
	return o.sources, nil
}

// large is the file of all events; it is made when it is first needed.
func (o *nexmarkOptions) large(set *nexmark.Set, dir string) (string, error) {
	return eventFile(set, filepath.Join(dir, "large.json"), o.events)
}

func eventFile(set *nexmark.Set, path string, events int64) (string, error) {
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return path, set.WriteFile(path, events)
}

// source runs the queries over one kind of source.
func (o *nexmarkOptions) source(ctx context.Context, set *nexmark.Set, dir, source string, report *nexmarkReport) (err error) {
	job := nexmarkJob{Set: o.set, Events: o.events}
	program, env := "nexmark", []string{"GOMAXPROCS=1"}
	switch source {
	case fromDecode:
		if job.File, err = o.large(set, dir); err != nil {
			return err
		}
	case fromJetstream:
		s, err := startServer(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		if err := s.store(ctx, "NEXMARK", packed(set, o.events, o.pack)); err != nil {
			return err
		}
		program, env, job.URL, job.Stream = "nexmark-nats", nil, s.url, "NEXMARK"
	}
	fmt.Printf("\n%s\n\n%s\n", o.title(source), nexmarkHeader)
	failed := 0
	for _, q := range o.queries {
		row := &nexmarkRow{Source: source, Query: q}
		job.Query, job.Profile = q, o.profileFile(source, q)
		for range o.rounds {
			f, err := call[nexmarkFigures](ctx, program, job, env...)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err == nil && len(row.runs) > 0 && f.Rows != row.Rows && q != "q12" {
				err = fmt.Errorf("%d rows, and %d in the round before", f.Rows, row.Rows)
			}
			if err != nil {
				row.Error = strings.SplitN(err.Error(), "\n", 2)[0]
				failed++
				break
			}
			row.add(f)
		}
		row.sum()
		report.Rows = append(report.Rows, row)
		fmt.Println(row)
	}
	if failed > 0 {
		return fmt.Errorf("%s: %d of %d queries did not run", source, failed, len(o.queries))
	}
	return nil
}

// packed yields so many events as JSON messages of so many events each, a line an event.
func packed(set *nexmark.Set, events int64, pack int) func(put func([]byte) error) error {
	return func(put func([]byte) error) error {
		var message []byte
		n := int64(0)
		return set.Each(events, func(data []byte, _ int64) error {
			if len(message) > 0 {
				message = append(message, '\n')
			}
			message = append(message, data...)
			if n++; n%int64(pack) != 0 && n < events {
				return nil
			}
			err := put(message)
			message = message[:0]
			return err
		})
	}
}

func (o *nexmarkOptions) title(source string) string {
	if o.both {
		mode := ", interpreted"
		if o.code {
			mode = ", generated"
		}
		return o.place(source) + mode
	}
	return o.place(source)
}

func (o *nexmarkOptions) place(source string) string {
	switch source {
	case fromEngine:
		return "Engine only: rows generated as columns, one core (GOMAXPROCS=1)"
	case fromDecode:
		return "Decode-inclusive: a file of JSON lines, one core (GOMAXPROCS=1)"
	}
	return fmt.Sprintf("From JetStream: a server process on the same machine, JSON, %d a message; a checkpoint each second, the last included", o.pack)
}

func (o *nexmarkOptions) profileFile(source, query string) string {
	if o.profile == "" || len(o.sources) == 1 && len(o.queries) == 1 {
		return o.profile
	}
	return o.profile + "-" + source + "-" + fileName(query)
}

// fileName is a query's name as that of a file.
func fileName(query string) string { return strings.ReplaceAll(query, " ", "-") }
