package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/bench/nexmark"
)

// flinkSettings are those of Flink's own Nexmark configuration; flinkHost says what else the
// comparison sets.
const (
	flinkSettings = `SET 'table.exec.mini-batch.enabled' = 'true';
SET 'table.exec.mini-batch.allow-latency' = '2s';
SET 'table.exec.mini-batch.size' = '50000';
SET 'table.optimizer.distinct-agg.split.enabled' = 'true';
`
	flinkHost = "Flink 2.3.0, local cluster in one JVM, parallelism 1, object reuse, mini-batches of 50,000 and 2 s, distinct aggregates split, heap state, no checkpoints, 8 GiB heap, G1"
	flinkJVM  = "-Xms8g -Xmx8g -XX:-UseDynamicNumberOfCompilerThreads -XX:-UseDynamicNumberOfGCThreads"
)

// flinkRun is a line that the peer prints: a query over a file.
type flinkRun struct {
	Query string  `json:"query"`
	Input string  `json:"input"`
	Error string  `json:"error"`
	WallS float64 `json:"wall_s"`
	// CPUS is that of the whole process, of which JITS goes to the compiler and GCS to the
	// garbage collector.
	CPUS         float64 `json:"cpu_s"`
	JITS         float64 `json:"jit_s"`
	GCS          float64 `json:"gc_s"`
	PeakRSSBytes int64   `json:"peak_rss_bytes"`
}

// flinkRow is a query's comparison. Flink's figures are the difference of its runs over a
// large and a small file.
type flinkRow struct {
	Query string `json:"query"`
	Error string `json:"error,omitempty"`
	// PerS are events a second of wall time, PerCPUS events a second of CPU time, without
	// the JIT compiler's in Flink's.
	PerS         float64 `json:"flink_events_per_s"`
	PerCPUS      float64 `json:"flink_events_per_cpu_s"`
	CPUSPerM     float64 `json:"flink_cpu_s_per_million"`
	OurPerS      float64 `json:"edgeflow_events_per_s"`
	OurPerCPUS   float64 `json:"edgeflow_events_per_cpu_s"`
	OurCPUSPerM  float64 `json:"edgeflow_cpu_s_per_million"`
	Ratio        float64 `json:"ratio_per_core"`
	PeakRSSBytes int64   `json:"flink_peak_rss_bytes"`
	PublishedKPS int     `json:"flink_published_thousand_per_core,omitempty"`
	FelderaKPS   int     `json:"feldera_published_thousand_per_core,omitempty"`

	small, large []flinkRun
}

// peer runs the queries on Flink and prints both sides' figures.
func (o *nexmarkOptions) peer(ctx context.Context, set *nexmark.Set, dir string, report *nexmarkReport) error {
	large, err := o.large(set, dir)
	if err != nil {
		return err
	}
	small, err := eventFile(set, filepath.Join(dir, "small.json"), o.small)
	if err != nil {
		return err
	}
	report.FlinkSettings = flinkHost
	fmt.Printf("\nBeside Flink over the same file of JSON lines: %s. Flink's figures are those of %d events less those of %d, its CPU time without the JIT compiler's.\n\n",
		flinkHost, o.events, o.small)
	rows := map[string]*flinkRow{}
	var scripts []string
	for _, q := range o.queries {
		r := &flinkRow{Query: q, PublishedKPS: published[q][0], FelderaKPS: published[q][1]}
		rows[fileName(q)] = r
		report.Flink = append(report.Flink, r)
		if q == "q6" {
			r.Error = "Flink does not run it"
			continue
		}
		path := filepath.Join(dir, fileName(q)+".sql")
		if err := writeFlinkScript(set, q, dir, path); err != nil {
			return err
		}
		scripts = append(scripts, path)
	}
	err = o.askFlink(ctx, large, small, slices.Repeat(scripts, o.flinkRounds), rows)
	fmt.Println(flinkHeader)
	for _, r := range report.Flink {
		if r.Error == "" {
			r.sum(o.events, o.small)
		}
		r.beside(report.Rows)
		fmt.Println(r)
	}
	return err
}

// writeFlinkScript writes a query for Flink: the texts with another source, a blackhole for a
// sink, and the looked-up file by the peer's own connector. Flink 2.3 takes the dateTime that
// q23 writes without quotes for a key word.
func writeFlinkScript(set *nexmark.Set, query, dir, path string) error {
	text, err := set.Script(query, 1)
	if err == nil {
		text, err = nexmark.ReadFrom(text, nexmark.FileOptions("${input}"))
	}
	if err == nil {
		text, err = nexmark.InMemory(text)
	}
	if err == nil {
		text, err = nexmark.LookUpIn(text, "'connector' = 'side', 'path' = '"+filepath.Join(dir, nexmark.SideInput)+"'")
	}
	if err == nil {
		err = nexmark.WriteSideInput(dir)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(flinkSettings+strings.ReplaceAll(text, "A.dateTime", "A.`dateTime`")), 0o644)
}

// askFlink runs the scripts over both files, and adds each run to its query's row.
func (o *nexmarkOptions) askFlink(ctx context.Context, large, small string, scripts []string, rows map[string]*flinkRow) error {
	if len(scripts) == 0 {
		return nil
	}
	cmd := exec.CommandContext(ctx, o.ask, append([]string{"rates", small, large}, scripts...)...)
	cmd.Env = append(os.Environ(), "JAVA_OPTS="+flinkJVM+" "+os.Getenv("JAVA_OPTS"))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var run flinkRun
		if err := json.Unmarshal(lines.Bytes(), &run); err != nil || rows[run.Query] == nil {
			fmt.Fprintln(os.Stderr, lines.Text())
			continue
		}
		fmt.Fprintf(os.Stderr, "flink %s %s: %.1f s, CPU %.1f s %s\n", run.Query, filepath.Base(run.Input), run.WallS, run.CPUS, run.Error)
		rows[run.Query].add(run, run.Input == large)
	}
	return errors.Join(lines.Err(), cmd.Wait())
}

func (r *flinkRow) add(run flinkRun, large bool) {
	r.PeakRSSBytes = max(r.PeakRSSBytes, run.PeakRSSBytes)
	switch {
	case run.Error != "":
		r.Error = run.Error
	case large:
		r.large = append(r.large, run)
	default:
		r.small = append(r.small, run)
	}
}

// sum computes Flink's rates from the medians of the runs over either file.
func (r *flinkRow) sum(large, small int64) {
	if len(r.large) == 0 || len(r.small) == 0 {
		r.Error = "no run"
		return
	}
	of := func(runs []flinkRun, value func(f flinkRun) float64) float64 {
		var all []float64
		for _, f := range runs {
			all = append(all, value(f))
		}
		return spreadOf(all).Median
	}
	wall := func(f flinkRun) float64 { return f.WallS }
	cpu := func(f flinkRun) float64 { return f.CPUS - f.JITS }
	seconds, spent := of(r.large, wall)-of(r.small, wall), of(r.large, cpu)-of(r.small, cpu)
	if seconds <= 0 || spent <= 0 {
		r.Error = "the larger file took no longer: give more -events"
		return
	}
	n := float64(large - small)
	r.PerS, r.PerCPUS, r.CPUSPerM = n/seconds, n/spent, spent/n*1e6
}

// beside adds the figures of the same query over the same file here.
func (r *flinkRow) beside(rows []*nexmarkRow) {
	for _, x := range rows {
		if x.Source != fromDecode || x.Query != r.Query || x.Error != "" {
			continue
		}
		r.OurPerS, r.OurCPUSPerM = x.EventsPerS.Median, x.CPUS.Median
		r.OurPerCPUS = 1e6 / x.CPUS.Median
		if r.PerCPUS > 0 {
			r.Ratio = r.OurPerCPUS / r.PerCPUS
		}
	}
}

const flinkHeader = "| query | edgeflow: thousand events/s | a CPU second | CPU s / M | Flink: thousand events/s | a CPU second | CPU s / M | ratio per core | published, thousand a core: Flink | Feldera |\n|---|---|---|---|---|---|---|---|---|---|"

// String is the row as a line of a table.
func (r *flinkRow) String() string {
	figure := func(k int) string {
		if k == 0 {
			return "-"
		}
		return fmt.Sprint(k)
	}
	them := fmt.Sprintf("%.0f | %.0f | %.2f | %.1f", r.PerS/1e3, r.PerCPUS/1e3, r.CPUSPerM, r.Ratio)
	if r.Error != "" {
		them = strings.ReplaceAll(r.Error, "|", "/") + " | | | "
	}
	return fmt.Sprintf("| %s | %.0f | %.0f | %.2f | %s | %s | %s |", r.Query, r.OurPerS/1e3, r.OurPerCPUS/1e3, r.OurCPUSPerM, them, figure(r.PublishedKPS), figure(r.FelderaKPS))
}
