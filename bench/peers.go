package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/bench/qoe"
)

// peersOptions are the flags of `bench peers`.
type peersOptions struct {
	small, large, huge int
	rounds             int
	ekuiper, bento     string
	build              string
	queries, sources   string
	json               bool
}

// peerRow is a program over a query: CPU seconds of a run over the larger of two inputs less
// those of a run over the smaller, so that the start of the process is not counted.
type peerRow struct {
	// Source is file or jetstream.
	Source  string `json:"source"`
	Query   string `json:"query"`
	Program string `json:"program"`
	// Small and Large are the events of the two inputs.
	Small int `json:"small_events"`
	Large int `json:"large_events"`
	// PerCPUS are events a CPU second, user and system; CPUS CPU seconds a million events.
	PerCPUS spread `json:"events_per_cpu_s"`
	CPUS    spread `json:"cpu_s_per_million"`
	// ServerCPUS are CPU seconds of the JetStream server a million events; 0 without one.
	ServerCPUS spread `json:"server_cpu_s_per_million"`
	// Advantage is how many times as many events a CPU second edgeflow's generated code
	// takes, of the medians.
	Advantage float64 `json:"edgeflow_generated_to_this"`
	// Checked tells how the rows were compared.
	Checked string `json:"checked"`

	cpu, server []float64 // a round's CPU seconds a million events
}

// peersReport is what `bench peers -json` prints.
type peersReport struct {
	Machine string     `json:"machine"`
	Rounds  int        `json:"rounds"`
	Rows    []*peerRow `json:"rows"`
}

// peer is a program that runs a query over its input and writes its rows below out. It
// returns the CPU time of its whole process.
type peer struct {
	name string
	// large tells that the program is fast enough for the larger inputs.
	large bool
	run   func(ctx context.Context, query string, in peerInput, out string) (time.Duration, error)
	// streams tells that the program reads JetStream.
	streams bool
	// only names the one query that the program runs; empty is each.
	only string
	// rows reads what a run wrote; nil where rows cannot be compared.
	rows func(query, out string) (*peerRows, error)
}

// peersStartMs is the event time of the first event, 2025-06-01 UTC.
const peersStartMs = 1_748_736_000_000

func peersCommand(ctx context.Context, args []string) (err error) {
	var o peersOptions
	f := flag.NewFlagSet("peers", flag.ContinueOnError)
	f.IntVar(&o.small, "small", 100_000, "events of the peers' small input")
	f.IntVar(&o.large, "large", 400_000, "events of the peers' large input, and of edgeflow's small one")
	f.IntVar(&o.huge, "huge", 3_200_000, "events of edgeflow's large input")
	f.IntVar(&o.rounds, "rounds", 1, "measured rounds; each runs every program over both of its inputs")
	f.StringVar(&o.ekuiper, "ekuiper", "", "folder of an installed eKuiper 2, with bin/kuiperd and etc; empty leaves it out")
	f.StringVar(&o.bento, "bento", "bench/peers/bento", "folder of the module that runs Bento; empty leaves it out")
	f.StringVar(&o.queries, "query", "filter,tumble", "the queries")
	f.StringVar(&o.sources, "source", "file,jetstream", "where events come from: a file of JSON lines, a stream of one event a message")
	f.BoolVar(&o.json, "json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return err
	}
	if o.small < 1 || o.large <= o.small || o.huge <= o.large || o.rounds < 1 {
		return errors.New("-small is less than -large, that less than -huge; -rounds is at least 1")
	}
	if err := checkGenerated(); err != nil {
		return err
	}
	if o.build, err = os.MkdirTemp("", "edgeflow-bench-peers-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.build)) }()
	report := &peersReport{Machine: machine(), Rounds: o.rounds}
	if err = o.all(ctx, report); err != nil && len(report.Rows) == 0 {
		return err
	}
	if o.json {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return errors.Join(e.Encode(report), err)
	}
	return errors.Join(report.print(os.Stdout), err)
}

// peers are the programs that are measured; the first is edgeflow with generated code.
func (o *peersOptions) peers(ctx context.Context) ([]peer, error) {
	out := []peer{
		{name: "edgeflow generated", large: true, streams: true, run: edgeflowPeer(false), rows: edgeflowRows},
		{name: "edgeflow interpreted", large: true, streams: true, run: edgeflowPeer(true), rows: edgeflowRows},
	}
	if o.ekuiper != "" {
		out = append(out, ekuiperPeer(o.ekuiper), ekuiperByClock(o.ekuiper))
	}
	if o.bento != "" {
		p, err := bentoPeer(ctx, o.bento, filepath.Join(o.build, "bento"))
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func (o *peersOptions) all(ctx context.Context, report *peersReport) error {
	files := map[int]peerInput{}
	for _, n := range []int{o.small, o.large, o.huge} {
		files[n] = peerInput{File: filepath.Join(o.build, fmt.Sprintf("beacons-%d.json", n))}
		if err := writeBeacons(files[n].File, n); err != nil {
			return err
		}
	}
	peers, err := o.peers(ctx)
	if err != nil {
		return err
	}
	for _, source := range splitList(o.sources) {
		switch source {
		case "file":
			err = o.compare(ctx, report, peerComparison{o: o, source: source, inputs: files}, peers)
		case "jetstream":
			err = o.streams(ctx, report, files, peers)
		default:
			err = fmt.Errorf("-source %s is none of file, jetstream", source)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// compare runs each query over the inputs of c.
func (o *peersOptions) compare(ctx context.Context, report *peersReport, c peerComparison, peers []peer) error {
	for _, query := range splitList(o.queries) {
		if query != "filter" && query != "tumble" {
			return fmt.Errorf("-query %s is none of filter, tumble", query)
		}
		c.query, c.want = query, map[int]*peerRows{}
		rows, err := c.run(ctx, peers)
		report.Rows = append(report.Rows, rows...)
		if err != nil {
			return err
		}
	}
	return nil
}

// peerComparison runs one query on every program.
type peerComparison struct {
	o             *peersOptions
	source, query string
	inputs        map[int]peerInput
	server        *server // of jetstream
	// want are the rows that edgeflow yields, by size of input.
	want map[int]*peerRows
}

func (c *peerComparison) run(ctx context.Context, peers []peer) ([]*peerRow, error) {
	peers = slices.DeleteFunc(slices.Clone(peers), func(p peer) bool { return p.only != "" && p.only != c.query || c.server != nil && !p.streams })
	rows := make([]*peerRow, len(peers))
	for i, p := range peers {
		rows[i] = &peerRow{Source: c.source, Query: c.query, Program: p.name, Small: c.o.small, Large: c.o.large}
		if p.large {
			rows[i].Small, rows[i].Large = c.o.large, c.o.huge
		}
	}
	if err := c.reference(ctx, peers[0], c.o.small); err != nil {
		return nil, err
	}
	for range c.o.rounds {
		for i, p := range peers {
			if err := c.measure(ctx, p, rows[i]); err != nil {
				return nil, fmt.Errorf("%s, %s: %w", c.query, p.name, err)
			}
		}
	}
	for _, r := range rows {
		var per []float64
		for _, s := range r.cpu {
			per = append(per, 1e6/s)
		}
		r.CPUS, r.PerCPUS, r.ServerCPUS = spreadOf(r.cpu), spreadOf(per), spreadOf(r.server)
		r.Advantage = rows[0].PerCPUS.Median / r.PerCPUS.Median
		if !c.o.json {
			fmt.Fprintf(os.Stderr, "%-9s %-8s %-22s %10.0f events/CPU s; %s\n", c.source, c.query, r.Program, r.PerCPUS.Median, r.Checked)
		}
	}
	return rows, nil
}

// reference runs edgeflow over an input that only its rows are needed of.
func (c *peerComparison) reference(ctx context.Context, p peer, events int) error {
	_, rows, err := c.once(ctx, p, events)
	c.want[events] = rows
	return err
}

func (c *peerComparison) once(ctx context.Context, p peer, events int) (time.Duration, *peerRows, error) {
	out, err := os.MkdirTemp(c.o.build, "rows-")
	if err != nil {
		return 0, nil, err
	}
	cpu, err := p.run(ctx, c.query, c.inputs[events], out)
	if err != nil {
		return 0, nil, err
	}
	var rows *peerRows
	if p.rows != nil {
		rows, err = p.rows(c.query, out)
	}
	return cpu, rows, errors.Join(err, os.RemoveAll(out))
}

// measure runs a program over both of its inputs and checks its rows.
func (c *peerComparison) measure(ctx context.Context, p peer, r *peerRow) error {
	var cpu, server [2]time.Duration
	for i, n := range []int{r.Small, r.Large} {
		before := c.server.cpu()
		took, rows, err := c.once(ctx, p, n)
		if err != nil {
			return err
		}
		cpu[i], server[i] = took, c.server.cpu()-before
		if p.rows == nil {
			r.Checked = "others, not compared"
			continue
		}
		if c.want[n] == nil {
			c.want[n] = rows
		}
		if r.Checked, err = rows.check(c.want[n]); err != nil {
			return fmt.Errorf("%d events: %w", n, err)
		}
	}
	million := float64(r.Large-r.Small) / 1e6
	s := (cpu[1] - cpu[0]).Seconds() / million
	if s <= 0 {
		return fmt.Errorf("%d events took %v of CPU time and %d took %v: the inputs are too small", r.Small, cpu[0], r.Large, cpu[1])
	}
	r.cpu, r.server = append(r.cpu, s), append(r.server, (server[1]-server[0]).Seconds()/million)
	return nil
}

// writeBeacons writes beacons, a JSON object a line, of which none is late or of a device
// whose clock is ahead: what a program does with those is not compared.
func writeBeacons(path string, events int) error {
	return writeLines(path, func(put func([]byte) error) error {
		made := 0
		l := qoe.Log{Events: events + events/100 + 100, Pack: 1, Encoding: "json", StartMs: peersStartMs}
		return l.Each(func(data []byte, atMs int64) error {
			if made == events || !inTime(data, atMs) {
				return nil
			}
			made++
			return put(data)
		})
	})
}

// runMeasured runs a command to its end and returns its CPU time, user and system, with
// GOMAXPROCS=1.
func runMeasured(cmd *exec.Cmd) (time.Duration, error) {
	cmd.Env = append(append(os.Environ(), "GOMAXPROCS=1"), cmd.Env...)
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return 0, err
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}

// fileJob is a query over an input, its rows into files below Out.
type fileJob struct {
	peerInput
	Query     string `json:"query"`
	Out       string `json:"out"`
	Interpret bool   `json:"interpret"`
}

// edgeflowPeer runs a query in an agent: exactly once, with a checkpoint each second.
func edgeflowPeer(interpret bool) func(context.Context, string, peerInput, string) (time.Duration, error) {
	return func(ctx context.Context, query string, in peerInput, out string) (time.Duration, error) {
		cmd, end, err := start(ctx, "file", fileJob{in, query, out, interpret}, io.Discard, "GOMAXPROCS=1")
		if err != nil {
			return 0, err
		}
		err = cmd.Wait()
		end.Close()
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
	}
}

// fileProgram is edgeflow, its rows into files.
func fileProgram(j fileJob) (_ struct{}, err error) {
	dir, err := os.MkdirTemp("", "edgeflow-bench-")
	if err != nil {
		return struct{}{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	text := qoe.Script(j.Query, j.table()+","+sourceFormat("json"),
		"'connector'='filesystem','path'='"+j.Out+"',"+sourceFormat("json"))
	p, err := agent.Compile("bench.sql", "SET 'execution.checkpointing.interval' = '1 s';\n"+text)
	if err != nil {
		return struct{}{}, err
	}
	a, err := agent.New(agent.Options{
		DataDir: dir, NATS: agent.Server{URL: j.URL}, Instance: "bench", Interpret: j.Interpret,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return struct{}{}, err
	}
	pl, err := a.Add(context.Background(), p)
	if err != nil {
		return struct{}{}, err
	}
	<-pl.Done()
	return struct{}{}, pl.Err()
}

// print prints the table.
func (r *peersReport) print(w io.Writer) error {
	fmt.Fprintf(w, "\n%s; JSON, one event a line or message, GOMAXPROCS=1; median of %d rounds (least to greatest)\n\n", r.Machine, r.Rounds)
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "source\tquery\tprogram\tevents\tthousand events/CPU s\tCPU s/M events\tserver CPU s/M events\tedgeflow generated is\trows")
	for _, x := range r.Rows {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d less %d\t%.1f (%.1f-%.1f)\t%.3f\t%.3f\t%.1fx\t%s\n", x.Source, x.Query, x.Program, x.Large, x.Small,
			x.PerCPUS.Median/1e3, x.PerCPUS.Min/1e3, x.PerCPUS.Max/1e3, x.CPUS.Median, x.ServerCPUS.Median, x.Advantage, x.Checked)
	}
	return tw.Flush()
}

// sortedKeys are the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
