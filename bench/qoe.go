package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/edgeflow/edgeflow/bench/byhand"
	"github.com/edgeflow/edgeflow/bench/qoe"
)

// qoeOptions are the flags of `bench qoe`.
type qoeOptions struct {
	source  string
	events  int
	packed  int
	rounds  int
	json    bool
	profile string
	match   string
}

// qoeRow is a line of the table: a program over a query and an encoding.
type qoeRow struct {
	Query    string `json:"query"`
	Encoding string `json:"encoding"`
	Pack     int    `json:"events_per_message"`
	Events   int    `json:"events"`
	Program  string `json:"program"`
	// EventsPerS counts events; CPUS is CPU seconds a million events; Allocs allocations an
	// event; StartMs the time from the program's start to the open source.
	EventsPerS   spread `json:"events_per_s"`
	CPUS         spread `json:"cpu_s_per_million"`
	Allocs       spread `json:"allocs_per_event"`
	PeakRSSBytes int64  `json:"peak_rss_bytes"`
	StartMs      spread `json:"start_ms"`
	// SettleMs is the time from the commit of the last result until the pipeline has ended.
	SettleMs spread `json:"settle_ms"`
	// Ratio is this program's rate to the ceiling's of the same round.
	Ratio spread `json:"ratio_to_ceiling"`
	// CPURatio is this program's CPU time to the ceiling's of the same round.
	CPURatio spread `json:"cpu_ratio_to_ceiling"`

	runs []figures
}

// qoeReport is what `bench qoe -json` prints.
type qoeReport struct {
	Machine string    `json:"machine"`
	Source  string    `json:"source"`
	Rounds  int       `json:"rounds"`
	Rows    []*qoeRow `json:"rows"`
}

func qoeCommand(ctx context.Context, args []string) error {
	var o qoeOptions
	f := flag.NewFlagSet("qoe", flag.ContinueOnError)
	f.StringVar(&o.source, "source", "jetstream", "jetstream: a server of its own, over TCP; embedded: a server in the same process; memory: one core, the engine alone")
	f.IntVar(&o.events, "events", 800_000, "events of a run with one event a message")
	f.IntVar(&o.packed, "packed-events", 4_000_000, "events of a run with 100 events a message")
	f.IntVar(&o.rounds, "rounds", 3, "measured rounds; each runs every program once")
	f.BoolVar(&o.json, "json", false, "print JSON")
	f.StringVar(&o.profile, "profile", "", "folder for CPU profiles of each program")
	f.StringVar(&o.match, "match", "", "only the cases whose name, such as tumble/msgpack100, contains this")
	if err := f.Parse(args); err != nil {
		return err
	}
	if o.events < 1 || o.packed < 1 || o.rounds < 1 {
		return fmt.Errorf("-events, -packed-events and -rounds are at least 1")
	}
	if err := checkGenerated(); err != nil {
		return err
	}
	report := &qoeReport{Machine: machine(), Source: o.source, Rounds: o.rounds}
	var err error
	switch o.source {
	case "jetstream":
		err = o.jetstream(ctx, report)
	case "embedded":
		err = o.embedded(ctx, report)
	case "memory":
		err = o.memory(ctx, report)
	default:
		err = fmt.Errorf("-source %s is not one of jetstream, embedded, memory", o.source)
	}
	if err != nil && len(report.Rows) == 0 {
		return err
	}
	// What was measured before an error is shown with it.
	if o.json {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return errors.Join(e.Encode(report), err)
	}
	return errors.Join(report.print(os.Stdout), err)
}

// logs are the encodings that are measured.
func (o *qoeOptions) logs() []qoe.Log {
	all := []qoe.Log{
		{Encoding: "json", Pack: 1, Events: o.events},
		{Encoding: "msgpack", Pack: 1, Events: o.events},
		{Encoding: "msgpack", Pack: 100, Events: o.packed},
	}
	if o.source == "memory" {
		all = append(all[:1:1], append([]qoe.Log{{Encoding: "json", Pack: 100, Events: o.events}}, all[1:]...)...)
		all[3].Events = o.events
	}
	now := time.Now().UnixMilli()
	for i := range all {
		all[i].StartMs = now - int64(all[i].Events)*1000/qoe.PerSecond
	}
	return all
}

// contender is a program in a comparison; the first is the ceiling.
type contender struct {
	name string
	run  func(ctx context.Context, profile string) (figures, error)
}

// jetstream fills a server with each log and lets every program read it in turn.
func (o *qoeOptions) jetstream(ctx context.Context, report *qoeReport) (err error) {
	s, err := startServer(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if e := s.stop(); err == nil {
			err = e
		}
	}()
	for _, l := range o.logs() {
		stream := strings.ToUpper(logName(&l))
		if !o.wants("filter/"+logName(&l)) && !o.wants("tumble/"+logName(&l)) {
			continue
		}
		began := time.Now()
		if err := s.fill(ctx, stream, &l); err != nil {
			return err
		}
		o.note("stored %d events as %s in %.1f s", l.Events, logName(&l), time.Since(began).Seconds())
		rows, err := o.readers(ctx, &l, readJob{Encoding: l.Encoding, URL: s.url, Stream: stream, Events: l.Events})
		report.Rows = append(report.Rows, rows...)
		if err != nil {
			return err
		}
	}
	return nil
}

// readers runs every program that reads a stream, on both queries.
func (o *qoeOptions) readers(ctx context.Context, l *qoe.Log, job readJob) (all []*qoeRow, err error) {
	for _, query := range []string{"filter", "tumble"} {
		reader := func(program, sink string, interpret bool) func(context.Context, string) (figures, error) {
			return func(ctx context.Context, profile string) (figures, error) {
				j := job
				j.Query, j.Sink, j.Profile, j.Interpret = query, sink, profile, interpret
				return call[figures](ctx, program, j)
			}
		}
		rows, err := o.compare(ctx, query, l, []contender{
			{"ceiling: wire reader, by hand", reader("wire", "", false)},
			{"edgeflow generated, into blackhole", reader("engine", "blackhole", false)},
			{"edgeflow interpreted, into blackhole", reader("engine", "blackhole", true)},
			{"edgeflow generated, into files, exactly once", reader("engine", "filesystem", false)},
			{"nats.go Consume, by hand", reader("natsgo", "", false)},
		})
		if err != nil {
			return all, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// memory lets the programs run over messages in memory, on one core.
func (o *qoeOptions) memory(ctx context.Context, report *qoeReport) error {
	for _, l := range o.logs() {
		for _, query := range []string{"filter", "tumble"} {
			program := func(name string, interpret bool) func(context.Context, string) (figures, error) {
				return func(ctx context.Context, profile string) (figures, error) {
					return call[figures](ctx, name, memoryJob{query, l, profile, interpret}, "GOMAXPROCS=1")
				}
			}
			rows, err := o.compare(ctx, query, &l, []contender{
				{"ceiling: by hand", program("hand-memory", false)},
				{"edgeflow engine, generated", program("engine-memory", false)},
				{"edgeflow engine, interpreted", program("engine-memory", true)},
			})
			if err != nil {
				return err
			}
			report.Rows = append(report.Rows, rows...)
		}
	}
	return nil
}

func logName(l *qoe.Log) string {
	if l.Pack == 1 {
		return l.Encoding
	}
	return fmt.Sprintf("%s%d", l.Encoding, l.Pack)
}

func (o *qoeOptions) wants(name string) bool { return strings.Contains(name, o.match) }

func (o *qoeOptions) note(format string, args ...any) {
	if !o.json {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}

// compare runs the contenders in turn, for some rounds. Every run must find the same
// result as the first.
func (o *qoeOptions) compare(ctx context.Context, query string, l *qoe.Log, contenders []contender) ([]*qoeRow, error) {
	name := query + "/" + logName(l)
	if !o.wants(name) {
		return nil, nil
	}
	rows := make([]*qoeRow, len(contenders))
	for i, c := range contenders {
		rows[i] = &qoeRow{Query: query, Encoding: l.Encoding, Pack: l.Pack, Events: l.Events, Program: c.name}
	}
	var want byhand.Result
	for round := range o.rounds {
		for i, c := range contenders {
			profile := ""
			if o.profile != "" {
				profile = filepath.Join(o.profile, fmt.Sprintf("%s-%d.prof", strings.ReplaceAll(name, "/", "-"), i))
			}
			f, err := c.run(ctx, profile)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", name, c.name, err)
			}
			if round == 0 && i == 0 {
				want = f.Result
				if want.Events != int64(l.Events) || want.Rows == 0 {
					return nil, fmt.Errorf("%s, %s: %d events and %d rows of %d events", name, c.name, want.Events, want.Rows, l.Events)
				}
			}
			if d := f.Result.Differs(want); d != "" {
				return nil, fmt.Errorf("%s, %s: the result differs: %s", name, c.name, d)
			}
			rows[i].runs = append(rows[i].runs, f)
		}
	}
	for _, r := range rows {
		r.sum(rows[0])
		o.note("%-18s %-36s %9.0f events/s, %3.0f%% of the ceiling", name, r.Program, r.EventsPerS.Median, 100*r.Ratio.Median)
	}
	return rows, nil
}

// sum computes the row's figures from its runs and the ceiling's.
func (r *qoeRow) sum(ceiling *qoeRow) {
	var rate, cpu, allocs, start, settle, ratio, cpuRatio []float64
	n := float64(r.Events)
	for i, f := range r.runs {
		rate = append(rate, n/f.WallS)
		cpu = append(cpu, f.CPUS/n*1e6)
		allocs = append(allocs, float64(f.Mallocs)/n)
		start, settle = append(start, f.StartMs), append(settle, f.SettleMs)
		ratio = append(ratio, ceiling.runs[i].WallS/f.WallS)
		cpuRatio = append(cpuRatio, f.CPUS/ceiling.runs[i].CPUS)
		r.PeakRSSBytes = max(r.PeakRSSBytes, f.PeakRSSBytes)
	}
	r.EventsPerS, r.CPUS, r.Allocs, r.Ratio = spreadOf(rate), spreadOf(cpu), spreadOf(allocs), spreadOf(ratio)
	r.StartMs, r.SettleMs = spreadOf(start), spreadOf(settle)
	r.CPURatio = spreadOf(cpuRatio)
}

// print prints the table: medians, and ranges where they matter.
func (r *qoeReport) print(w io.Writer) error {
	fmt.Fprintf(w, "\n%s; source %s; median of %d rounds (least to greatest)\n\n", r.Machine, r.Source, r.Rounds)
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "query\tevents\tprogram\tthousand events/s\tratio to the ceiling\tCPU s/M events\tratio of CPU\tallocs/event\tpeak RSS MB\tstart ms\tsettle ms")
	for _, x := range r.Rows {
		fmt.Fprintf(tw, "%s\t%s, %d a message\t%s\t%.0f (%.0f-%.0f)\t%.0f%% (%.0f-%.0f)\t%.3f\t%.2f (%.2f-%.2f)\t%.4f\t%.0f\t%.0f\t%.0f\n",
			x.Query, x.Encoding, x.Pack, x.Program, x.EventsPerS.Median/1e3, x.EventsPerS.Min/1e3, x.EventsPerS.Max/1e3,
			100*x.Ratio.Median, 100*x.Ratio.Min, 100*x.Ratio.Max, x.CPUS.Median, x.CPURatio.Median, x.CPURatio.Min, x.CPURatio.Max,
			x.Allocs.Median, float64(x.PeakRSSBytes)/1e6, x.StartMs.Median, x.SettleMs.Median)
	}
	return tw.Flush()
}
