package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	example "github.com/edgeflow/edgeflow/examples/qoe"
)

// productReport is what `bench product` found.
type productReport struct {
	Machine     string `json:"machine"`
	BinaryBytes int64  `json:"binary_bytes"`
	// RSSBytes is the resident memory of `edgeflow run` at the end of a run of the demo's
	// pipeline, PeakRSSBytes the greatest.
	RSSBytes     int64 `json:"rss_bytes"`
	PeakRSSBytes int64 `json:"peak_rss_bytes"`
	Rate         int   `json:"events_per_s"`
	// FirstEventMs is the time from the start of the process until the first row of the
	// first event comes out of it.
	FirstEventMs spread `json:"first_event_ms"`
}

func productCommand(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("product", flag.ContinueOnError)
	seconds := f.Int("seconds", 20, "how long the demo's pipeline runs")
	rate := f.Int("rate", 2000, "events a second, the demo's default")
	starts := f.Int("starts", 7, "starts measured")
	asJSON := f.Bool("json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *seconds < 1 || *rate < 1 || *starts < 1 {
		return fmt.Errorf("-seconds, -rate and -starts are at least 1")
	}
	dir, err := os.MkdirTemp("", "edgeflow-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p := &product{dir: dir, binary: filepath.Join(dir, "edgeflow")}
	r := productReport{Machine: machine(), Rate: *rate}
	if r.BinaryBytes, err = p.build(ctx); err != nil {
		return err
	}
	stop, err := p.serve(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := p.memory(ctx, *rate, time.Duration(*seconds)*time.Second, &r); err != nil {
		return err
	}
	var took []float64
	for i := range *starts {
		d, err := p.first(ctx, i)
		if err != nil {
			return err
		}
		took = append(took, milliseconds(d))
	}
	r.FirstEventMs = spreadOf(took)
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	fmt.Printf("%s\n\n", r.Machine)
	fmt.Printf("static binary, stripped           %.1f MB\n", float64(r.BinaryBytes)/1e6)
	fmt.Printf("demo pipeline at %d events/s    resident %.1f MB, at most %.1f MB, after %d s\n", r.Rate, float64(r.RSSBytes)/1e6, float64(r.PeakRSSBytes)/1e6, *seconds)
	fmt.Printf("process start to first event      %.0f ms (%.0f-%.0f of %d starts)\n", r.FirstEventMs.Median, r.FirstEventMs.Min, r.FirstEventMs.Max, *starts)
	return nil
}

// product is the binary with the servers that it talks to.
type product struct {
	dir, binary string
	edge, hub   *server
	nc          *natsgo.Conn
	js          jetstream.JetStream
}

// build builds the binary as a release is built and returns its size.
func (p *product) build(ctx context.Context) (int64, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", p.binary, "github.com/edgeflow/edgeflow/cmd/edgeflow")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("build the product: %w", err)
	}
	info, err := os.Stat(p.binary)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// serve starts an edge and a hub server, with the beacons' stream on the edge.
func (p *product) serve(ctx context.Context) (stop func(), err error) {
	stop = func() {
		if p.nc != nil {
			p.nc.Close()
		}
		for _, s := range []*server{p.edge, p.hub} {
			if s != nil {
				s.stop()
			}
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	if p.edge, err = startServer(ctx); err != nil {
		return nil, err
	}
	if p.hub, err = startServer(ctx); err != nil {
		return nil, err
	}
	if p.nc, err = natsgo.Connect(p.edge.url); err != nil {
		return nil, err
	}
	if p.js, err = jetstream.New(p.nc); err != nil {
		return nil, err
	}
	_, err = p.js.CreateStream(ctx, jetstream.StreamConfig{Name: "BEACONS", Subjects: []string{"beacons.>"}, Storage: jetstream.FileStorage})
	return stop, err
}

// run starts `edgeflow run` on a script with a data folder of its own.
func (p *product) run(ctx context.Context, name, script string, out io.Writer) (*exec.Cmd, error) {
	file := filepath.Join(p.dir, name+".sql")
	if err := os.WriteFile(file, []byte(script), 0o640); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, p.binary, "run", file, "--data", filepath.Join(p.dir, name), "--nats", p.edge.url, "--hub", p.hub.url,
		"--instance", name, "--listen", "127.0.0.1:0", "--log-level", "error")
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	return cmd, cmd.Start()
}

// end stops a process as a user would.
func end(cmd *exec.Cmd) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return errors.Join(err, cmd.Wait())
	}
	return cmd.Wait()
}

// memory runs the demo's pipeline and plays beacons at the rate.
func (p *product) memory(ctx context.Context, rate int, d time.Duration, r *productReport) error {
	cmd, err := p.run(ctx, "demo", example.SQL, os.Stderr)
	if err != nil {
		return err
	}
	played := p.play(ctx, rate, d)
	r.RSSBytes, r.PeakRSSBytes = memoryOf(cmd.Process.Pid, "VmRSS"), memoryOf(cmd.Process.Pid, "VmHWM")
	if err := errors.Join(played, end(cmd), p.delivered(ctx)); err != nil {
		return err
	}
	if r.RSSBytes == 0 {
		return errors.New("the pipeline's process had ended, or this system does not tell its memory")
	}
	return nil
}

// delivered checks that the pipeline's results are at the hub.
func (p *product) delivered(ctx context.Context) error {
	nc, err := natsgo.Connect(p.hub.url)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	stream, err := js.Stream(ctx, "QOE")
	if err != nil {
		return fmt.Errorf("the hub has no results: %w", err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter("qoe.>"))
	if err != nil {
		return err
	}
	if len(info.State.Subjects) == 0 {
		return errors.New("the hub has no results")
	}
	return nil
}

// play publishes beacons in real time.
func (p *product) play(ctx context.Context, rate int, d time.Duration) error {
	start := time.Now()
	g := example.New(1, start.UnixMilli(), rate)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var b example.Beacon
	for i := uint64(0); time.Since(start) < d; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		for due := uint64(time.Since(start).Milliseconds()) * uint64(rate) / 1000; i < due; i++ {
			g.At(i, &b)
			if _, err := p.js.PublishAsync("beacons."+b.Region, b.AppendJSON(nil)); err != nil {
				return err
			}
		}
	}
	select {
	case <-p.js.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// firstRow adds an output to the demo's pipeline that shows each event as it is read.
const firstRow = `CREATE TABLE seen (view_id STRING) WITH ('connector' = 'print');
EXECUTE STATEMENT SET
BEGIN
  INSERT INTO seen SELECT view_id FROM beacons;
`

// first starts the demo's pipeline anew, with beacons waiting, and returns the time until
// the first event has passed through it.
func (p *product) first(ctx context.Context, n int) (time.Duration, error) {
	head, tail, ok := strings.Cut(example.SQL, "EXECUTE STATEMENT SET\nBEGIN\n")
	if !ok {
		return 0, errors.New("the demo's pipeline has no statement set")
	}
	r, w := io.Pipe()
	began := time.Now()
	cmd, err := p.run(ctx, fmt.Sprintf("first-%d", n), head+firstRow+tail, w)
	if err != nil {
		return 0, err
	}
	out := bufio.NewReader(r)
	ended := make(chan error, 1)
	go func() {
		_, err := cmd.Process.Wait()
		ended <- err
		w.CloseWithError(io.EOF)
	}()
	line, err := out.ReadString('\n')
	took := time.Since(began)
	go io.Copy(io.Discard, out)
	if err != nil {
		return 0, fmt.Errorf("the pipeline ended before its first event: %w", err)
	}
	if !strings.Contains(line, "[") {
		return 0, fmt.Errorf("the first row reads %q", line)
	}
	if err := cmd.Process.Kill(); err != nil {
		return 0, err
	}
	return took, <-ended
}
