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
	queries            string
	json               bool
}

// peerRow is a program over a query: CPU seconds of a run over the larger of two files less
// those of a run over the smaller, so that the start of the process is not counted.
type peerRow struct {
	Query   string `json:"query"`
	Program string `json:"program"`
	// Small and Large are the events of the two files.
	Small int `json:"small_events"`
	Large int `json:"large_events"`
	// PerCPUS are events a CPU second, user and system; CPUS CPU seconds a million events.
	PerCPUS spread `json:"events_per_cpu_s"`
	CPUS    spread `json:"cpu_s_per_million"`
	// Advantage is how many times as many events a CPU second edgeflow's generated code
	// takes, of the medians.
	Advantage float64 `json:"edgeflow_generated_to_this"`
	// Checked tells how the rows were compared.
	Checked string `json:"checked"`

	cpu []float64 // a round's CPU seconds a million events
}

// peersReport is what `bench peers -json` prints.
type peersReport struct {
	Machine string     `json:"machine"`
	Rounds  int        `json:"rounds"`
	Rows    []*peerRow `json:"rows"`
}

// peer is a program that runs a query over a file and writes its rows below out. It returns
// the CPU time of its whole process.
type peer struct {
	name string
	// large tells that the program is fast enough for the larger files.
	large bool
	run   func(ctx context.Context, query, file, out string) (time.Duration, error)
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
	f.IntVar(&o.small, "small", 100_000, "events of the peers' small file")
	f.IntVar(&o.large, "large", 400_000, "events of the peers' large file, and of edgeflow's small one")
	f.IntVar(&o.huge, "huge", 3_200_000, "events of edgeflow's large file")
	f.IntVar(&o.rounds, "rounds", 1, "measured rounds; each runs every program over both of its files")
	f.StringVar(&o.ekuiper, "ekuiper", "", "folder of an installed eKuiper 2, with bin/kuiperd and etc; empty leaves it out")
	f.StringVar(&o.bento, "bento", "bench/peers/bento", "folder of the module that runs Bento; empty leaves it out")
	f.StringVar(&o.queries, "query", "filter,tumble", "the queries")
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
		{name: "edgeflow generated", large: true, run: edgeflowPeer(false), rows: edgeflowRows},
		{name: "edgeflow interpreted", large: true, run: edgeflowPeer(true), rows: edgeflowRows},
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
	files := map[int]string{}
	for _, n := range []int{o.small, o.large, o.huge} {
		files[n] = filepath.Join(o.build, fmt.Sprintf("beacons-%d.json", n))
		if err := writeBeacons(files[n], n); err != nil {
			return err
		}
	}
	peers, err := o.peers(ctx)
	if err != nil {
		return err
	}
	for _, query := range splitList(o.queries) {
		if query != "filter" && query != "tumble" {
			return fmt.Errorf("-query %s is none of filter, tumble", query)
		}
		c := &peerComparison{o: o, query: query, files: files, want: map[int]*peerRows{}}
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
	o     *peersOptions
	query string
	files map[int]string
	// want are the rows that edgeflow yields, by size of file.
	want map[int]*peerRows
}

func (c *peerComparison) run(ctx context.Context, peers []peer) ([]*peerRow, error) {
	peers = slices.DeleteFunc(slices.Clone(peers), func(p peer) bool { return p.only != "" && p.only != c.query })
	rows := make([]*peerRow, len(peers))
	for i, p := range peers {
		rows[i] = &peerRow{Query: c.query, Program: p.name, Small: c.o.small, Large: c.o.large}
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
		r.CPUS, r.PerCPUS = spreadOf(r.cpu), spreadOf(per)
		r.Advantage = rows[0].PerCPUS.Median / r.PerCPUS.Median
		if !c.o.json {
			fmt.Fprintf(os.Stderr, "%-8s %-22s %10.0f events/CPU s; %s\n", c.query, r.Program, r.PerCPUS.Median, r.Checked)
		}
	}
	return rows, nil
}

// reference runs edgeflow over a file that only its rows are needed of.
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
	cpu, err := p.run(ctx, c.query, c.files[events], out)
	if err != nil {
		return 0, nil, err
	}
	var rows *peerRows
	if p.rows != nil {
		rows, err = p.rows(c.query, out)
	}
	return cpu, rows, errors.Join(err, os.RemoveAll(out))
}

// measure runs a program over both of its files and checks its rows.
func (c *peerComparison) measure(ctx context.Context, p peer, r *peerRow) error {
	var cpu [2]time.Duration
	for i, n := range []int{r.Small, r.Large} {
		took, rows, err := c.once(ctx, p, n)
		if err != nil {
			return err
		}
		cpu[i] = took
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
	s := (cpu[1] - cpu[0]).Seconds() / float64(r.Large-r.Small) * 1e6
	if s <= 0 {
		return fmt.Errorf("%d events took %v of CPU time and %d took %v: the files are too small", r.Small, cpu[0], r.Large, cpu[1])
	}
	r.cpu = append(r.cpu, s)
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

// fileJob is a query over a file of JSON lines, its rows into files below Out.
type fileJob struct {
	Query     string `json:"query"`
	File      string `json:"file"`
	Out       string `json:"out"`
	Interpret bool   `json:"interpret"`
}

// edgeflowPeer runs a query in an agent: exactly once, with a checkpoint each second.
func edgeflowPeer(interpret bool) func(context.Context, string, string, string) (time.Duration, error) {
	return func(ctx context.Context, query, file, out string) (time.Duration, error) {
		cmd, in, err := start(ctx, "file", fileJob{query, file, out, interpret}, io.Discard, "GOMAXPROCS=1")
		if err != nil {
			return 0, err
		}
		err = cmd.Wait()
		in.Close()
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
	}
}

// fileProgram is edgeflow over a file.
func fileProgram(j fileJob) (_ struct{}, err error) {
	dir, err := os.MkdirTemp("", "edgeflow-bench-")
	if err != nil {
		return struct{}{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	text := qoe.Script(j.Query, "'connector'='filesystem','path'='"+j.File+"',"+sourceFormat("json"),
		"'connector'='filesystem','path'='"+j.Out+"',"+sourceFormat("json"))
	p, err := agent.Compile("bench.sql", "SET 'execution.checkpointing.interval' = '1 s';\n"+text)
	if err != nil {
		return struct{}{}, err
	}
	a, err := agent.New(agent.Options{
		DataDir: dir, Instance: "bench", Interpret: j.Interpret,
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
	fmt.Fprintf(w, "\n%s; a file of JSON lines, GOMAXPROCS=1; median of %d rounds (least to greatest)\n\n", r.Machine, r.Rounds)
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "query\tprogram\tevents\tthousand events/CPU s\tCPU s/M events\tedgeflow generated is\trows")
	for _, x := range r.Rows {
		fmt.Fprintf(tw, "%s\t%s\t%d less %d\t%.1f (%.1f-%.1f)\t%.3f\t%.1fx\t%s\n", x.Query, x.Program, x.Large, x.Small,
			x.PerCPUS.Median/1e3, x.PerCPUS.Min/1e3, x.PerCPUS.Max/1e3, x.CPUS.Median, x.Advantage, x.Checked)
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
