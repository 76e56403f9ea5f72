package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/agent"
	example "github.com/edgeflow/edgeflow/examples/qoe"
	"github.com/edgeflow/edgeflow/sync/natshub"
)

// outageScript has an output that has room for the whole outage, and one that merges its
// results to have it.
const outageScript = `SET 'pipeline.name' = 'outage';
SET 'edgeflow.memory.max' = '64 mb';
CREATE TABLE beacons (customer STRING, cdn STRING, event_time TIMESTAMP_LTZ(3), rebuffer_ms INT, bitrate_kbps INT,
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND)
WITH ('connector' = 'nats', 'nats.stream' = 'BEACONS', 'nats.subject' = 'beacons.>', 'format' = 'msgpack');
CREATE TABLE whole (customer STRING, cdn STRING, window_start TIMESTAMP(3), window_end TIMESTAMP(3), n BIGINT, rebuffer_ms INT, low INT, high INT)
WITH ('connector' = 'nats', 'nats.stream' = 'OUT', 'nats.subject' = 'out.whole', 'nats.stream.create' = 'true', 'nats.stream.subjects' = 'out.>',
  'format' = 'json', 'edgeflow.pack' = '100', 'edgeflow.outbox.max-bytes' = '256 mb');
CREATE TABLE tight (customer STRING, cdn STRING, window_start TIMESTAMP(3), window_end TIMESTAMP(3), n BIGINT, rebuffer_ms INT, low INT, high INT)
WITH ('connector' = 'nats', 'nats.stream' = 'OUT', 'nats.subject' = 'out.tight', 'nats.stream.create' = 'true', 'nats.stream.subjects' = 'out.>',
  'format' = 'json', 'edgeflow.pack' = '100', 'edgeflow.outbox.max-bytes' = '2 mb', 'edgeflow.outbox.compact' = '1 min, 1 h');
EXECUTE STATEMENT SET
BEGIN
  INSERT INTO whole SELECT customer, cdn, window_start, window_end, COUNT(*), SUM(rebuffer_ms), MIN(bitrate_kbps), MAX(bitrate_kbps)
  FROM TABLE(TUMBLE(TABLE beacons, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) GROUP BY customer, cdn, window_start, window_end;
  INSERT INTO tight SELECT customer, cdn, window_start, window_end, COUNT(*), SUM(rebuffer_ms), MIN(bitrate_kbps), MAX(bitrate_kbps)
  FROM TABLE(TUMBLE(TABLE beacons, DESCRIPTOR(event_time), INTERVAL '1' SECOND)) GROUP BY customer, cdn, window_start, window_end;
END;
`

const (
	// outagePack is how many events go into a message, and outageAhead how many may be in
	// the stream that the pipeline has not read.
	outagePack  = 1000
	outageAhead = 8_000_000
	// outageStream is the size of the stream at the edge, which forgets what was read.
	outageStream = 4 << 30
)

// outageReport is what `bench outage` found.
type outageReport struct {
	Machine string  `json:"machine"`
	Hours   float64 `json:"hours"`
	Rate    int     `json:"events_per_s"`
	Events  int64   `json:"events"`
	// TookS is how long the events of the outage took to go through.
	TookS float64 `json:"took_s"`
	// Waiting are the rows of each output at the end of the outage, Merged how many went
	// into others, Bytes the size of their outboxes.
	Waiting map[string]int64 `json:"rows_waiting"`
	Merged  map[string]int64 `json:"rows_merged"`
	Bytes   map[string]int64 `json:"outbox_bytes"`
	// FileBytes is the size of the state's file, PeakRSSBytes the process's greatest memory.
	FileBytes    int64 `json:"state_file_bytes"`
	PeakRSSBytes int64 `json:"peak_rss_bytes"`
	WrittenBytes int64 `json:"written_bytes"`
	ChangedBytes int64 `json:"changed_bytes"`
	// DrainS is the time from when the hub can be reached until it has all; RowsPerS and
	// BytesPerS are of the messages that it has then.
	DrainS    float64 `json:"drain_s"`
	RowsPerS  float64 `json:"drain_rows_per_s"`
	BytesPerS float64 `json:"drain_bytes_per_s"`
	// AtHub are the totals of each output.
	AtHub map[string]outageTotal `json:"at_hub"`
}

// outageTotal adds rows up.
type outageTotal struct {
	Rows, Messages, Bytes, N, Rebuffer int64
	Low, High                          int64
}

func (t *outageTotal) add(n, rebuffer, low, high int64) {
	if t.N == 0 || low < t.Low {
		t.Low = low
	}
	t.N += n
	t.Rebuffer += rebuffer
	t.High = max(t.High, high)
}

func outageCommand(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("outage", flag.ContinueOnError)
	hours := f.Float64("hours", 24, "length of the outage in event time")
	rate := f.Int("rate", 2000, "events a second of event time")
	asJSON := f.Bool("json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *hours <= 0 || *rate < 1 {
		return errors.New("-hours and -rate are above 0")
	}
	dir, err := os.MkdirTemp("", "edgeflow-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p := &product{dir: dir, binary: filepath.Join(dir, "edgeflow")}
	if _, err := p.build(ctx); err != nil {
		return err
	}
	stop, err := p.serve(ctx)
	if err != nil {
		return err
	}
	defer stop()
	r := outageReport{Machine: machine(), Hours: *hours, Rate: *rate}
	if err := (&outage{product: p, r: &r}).run(ctx); err != nil {
		return err
	}
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	r.print(os.Stdout)
	return nil
}

type outage struct {
	*product
	r *outageReport
	// want are the totals of the closed windows of each output.
	want map[string]outageTotal
	// endMs is the event time at which the last window is closed.
	endMs int64
	url   string
}

func (o *outage) run(ctx context.Context) error {
	link, err := newLink(o.hub.url)
	if err != nil {
		return err
	}
	defer link.close()
	// The hub is behind the link, which is cut.
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	o.url = "http://" + addr
	cmd, err := o.start(ctx, "nats://"+link.addr, addr)
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if !stopped {
			_ = end(cmd)
		}
	}()
	began := time.Now()
	if err := o.publish(ctx); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	_, err = o.await(ctx, func(st *agent.Status) bool { return st.Events == o.r.Events && st.WatermarkMs >= o.endMs && kept(st) })
	if err != nil {
		return err
	}
	o.r.TookS = time.Since(began).Seconds()
	// The last rows are in the outbox a checkpoint later.
	time.Sleep(time.Second)
	st, err := o.await(ctx, kept)
	if err != nil {
		return err
	}
	o.waiting(st)
	began = time.Now()
	link.open()
	if st, err = o.await(ctx, func(st *agent.Status) bool { return idle(st) }); err != nil {
		return err
	}
	o.r.DrainS = time.Since(began).Seconds()
	o.r.WrittenBytes, o.r.ChangedBytes = st.WrittenBytes, st.ChangedBytes
	o.r.PeakRSSBytes = memoryOf(cmd.Process.Pid, "VmHWM")
	if len(st.Imbalances) > 0 || st.Restarts > 0 {
		return fmt.Errorf("%d restarts, the ledger does not balance: %v", st.Restarts, st.Imbalances)
	}
	stopped = true
	if err := end(cmd); err != nil {
		return err
	}
	return o.check(ctx)
}

// kept tells that every row is in an outbox or beyond.
func kept(st *agent.Status) bool {
	for _, o := range st.Outputs {
		if o.Emitted != int64(o.Confirmed)+o.Rows {
			return false
		}
	}
	return len(st.Outputs) > 0
}

// idle tells that nothing waits in an outbox.
func idle(st *agent.Status) bool {
	for _, o := range st.Outputs {
		if o.Rows > 0 {
			return false
		}
	}
	return len(st.Outputs) > 0
}

// waiting notes what waits at the end of the outage.
func (o *outage) waiting(st *agent.Status) {
	o.r.Waiting, o.r.Merged, o.r.Bytes = map[string]int64{}, map[string]int64{}, map[string]int64{}
	for _, out := range st.Outputs {
		if _, ok := o.want[out.Name]; ok {
			o.r.Waiting[out.Name], o.r.Merged[out.Name], o.r.Bytes[out.Name] = out.Rows-out.Merged, out.Merged, out.Bytes
		}
	}
	o.r.FileBytes = st.FileBytes
}

// start starts `edgeflow run` with the hub behind a link, and a control address.
func (o *outage) start(ctx context.Context, hub, listen string) (*exec.Cmd, error) {
	file := filepath.Join(o.dir, "outage.sql")
	if err := os.WriteFile(file, []byte(outageScript), 0o640); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, o.binary, "run", file, "--data", filepath.Join(o.dir, "outage"), "--nats", o.edge.url, "--hub", hub,
		"--instance", "bench", "--listen", listen, "--log-level", "error")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd, cmd.Start()
}

// publish publishes the events of the outage, not further ahead of the pipeline than the
// stream has room for, and adds up what each output is to have. The last message moves the
// watermark past all windows, and opens one that stays open.
func (o *outage) publish(ctx context.Context) error {
	// The stream forgets the oldest messages: those were read.
	if _, err := o.js.UpdateStream(ctx, jetstream.StreamConfig{Name: "BEACONS", Subjects: []string{"beacons.>"}, Storage: jetstream.FileStorage,
		MaxBytes: outageStream, Discard: jetstream.DiscardOld}); err != nil {
		return err
	}
	p, err := dialPublisher(o.edge.url)
	if err != nil {
		return err
	}
	defer p.conn.Close()
	seconds := int64(o.r.Hours * 3600)
	events := seconds * int64(o.r.Rate)
	base := time.Now().UnixMilli() - seconds*1000 - 3_600_000
	base -= base % 10_000
	g := example.New(42, base, o.r.Rate)
	total := outageTotal{}
	var b example.Beacon
	var data []byte
	put := func() error {
		p.add("beacons.eu-west-1", data)
		data = data[:0]
		if p.full() {
			return p.flush(64)
		}
		return nil
	}
	for i := range events {
		g.At(uint64(i), &b)
		b.EventTimeMs = base + i*1000/int64(o.r.Rate)
		total.add(1, int64(b.RebufferMs), int64(b.BitrateKbps), int64(b.BitrateKbps))
		data = b.AppendMsgpack(data)
		if (i+1)%outagePack == 0 {
			if err := put(); err != nil {
				return err
			}
		}
		if (i+1)%(outageAhead/4) == 0 {
			if err := p.flush(0); err != nil {
				return err
			}
			if _, err := o.await(ctx, func(st *agent.Status) bool { return st.Events > i-outageAhead }); err != nil {
				return err
			}
		}
	}
	if len(data) > 0 {
		if err := put(); err != nil {
			return err
		}
	}
	g.At(uint64(events), &b)
	b.EventTimeMs = base + seconds*1000 + 60_000
	data = b.AppendMsgpack(data)
	if err := errors.Join(put(), p.flush(0)); err != nil {
		return err
	}
	o.r.Events, o.endMs = events+1, base+seconds*1000
	o.want = map[string]outageTotal{"whole": total, "tight": total}
	return ctx.Err()
}

// stuckAfter is how long the pipeline may stand still before the bench gives up.
const stuckAfter = 2 * time.Minute

// await asks the pipeline how it is until that is as wanted.
func (o *outage) await(ctx context.Context, want func(*agent.Status) bool) (*agent.Status, error) {
	var last *agent.Status
	moved, at := time.Now(), int64(0)
	for {
		st, err := o.status(ctx)
		if err == nil {
			if last = st; want(st) {
				return st, nil
			}
			now := st.Events + st.Checkpoints
			for _, out := range st.Outputs {
				now += int64(out.Confirmed)
			}
			if now != at {
				moved, at = time.Now(), now
			}
		}
		if time.Since(moved) > stuckAfter {
			return nil, fmt.Errorf("the pipeline stands still: %+v, %v", last, err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (o *outage) status(ctx context.Context) (*agent.Status, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.url+"/pipelines/outage", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status: %s: %s", resp.Status, body)
	}
	st := &agent.Status{}
	return st, json.Unmarshal(body, st)
}

// check adds up what the hub has and compares.
func (o *outage) check(ctx context.Context) error {
	nc, err := natsgo.Connect(o.hub.url)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	o.r.AtHub = map[string]outageTotal{}
	for name, want := range o.want {
		got, err := totalAtHub(ctx, js, "out."+name)
		if err != nil {
			return fmt.Errorf("output %s: %w", name, err)
		}
		o.r.AtHub[name] = got
		o.r.RowsPerS += float64(got.Rows) / o.r.DrainS
		o.r.BytesPerS += float64(got.Bytes) / o.r.DrainS
		if got.N != want.N || got.Rebuffer != want.Rebuffer || got.Low != want.Low || got.High != want.High {
			return fmt.Errorf("output %s: the hub has %+v, the events are %+v", name, got, want)
		}
	}
	return nil
}

func totalAtHub(ctx context.Context, js jetstream.JetStream, subject string) (t outageTotal, err error) {
	stream, err := js.Stream(ctx, "OUT")
	if err != nil {
		return t, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return t, err
	}
	cons, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
	if err != nil {
		return t, err
	}
	for left := info.State.Subjects[subject]; left > 0; left-- {
		m, err := cons.Next(jetstream.FetchMaxWait(30 * time.Second))
		if err != nil {
			return t, err
		}
		t.Messages++
		t.Bytes += int64(len(m.Data()))
		merged := int64(0)
		for line := range strings.Lines(string(m.Data())) {
			var row struct {
				N        int64 `json:"n"`
				Rebuffer int64 `json:"rebuffer_ms"`
				Low      int64 `json:"low"`
				High     int64 `json:"high"`
			}
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				return t, err
			}
			t.Rows++
			t.add(row.N, row.Rebuffer, row.Low, row.High)
			merged++
		}
		if text := m.Headers().Get(natshub.HeaderMerged); text != "" {
			if n, err := strconv.ParseInt(text, 10, 64); err != nil || n <= merged {
				return t, fmt.Errorf("a message of %d rows says that %s rows were merged", merged, text)
			}
		}
	}
	return t, nil
}

func (r *outageReport) print(w io.Writer) {
	mb := func(n int64) float64 { return float64(n) / 1e6 }
	fmt.Fprintf(w, "%s\n\n", r.Machine)
	fmt.Fprintf(w, "%.0f h at %d events/s: %d events, which took %.0f s\n", r.Hours, r.Rate, r.Events, r.TookS)
	for _, name := range []string{"whole", "tight"} {
		t := r.AtHub[name]
		fmt.Fprintf(w, "output %-6s %d rows waited in %.1f MB, %d more were merged; the hub has %d rows that count %d events, exactly\n",
			name, r.Waiting[name], mb(r.Bytes[name]), r.Merged[name], t.Rows, t.N)
	}
	fmt.Fprintf(w, "state file %.1f MB, peak memory %.1f MB\n", mb(r.FileBytes), mb(r.PeakRSSBytes))
	fmt.Fprintf(w, "written to the disk %.1f MB for %.1f MB of changed pages and output: %.2f times\n", mb(r.WrittenBytes), mb(r.ChangedBytes), float64(r.WrittenBytes)/float64(r.ChangedBytes))
	fmt.Fprintf(w, "drained in %.1f s: %.0f rows/s, %.1f MB/s\n", r.DrainS, r.RowsPerS, r.BytesPerS/1e6)
}

// link is a TCP way to a server that refuses connections until it is opened.
type link struct {
	addr, target string

	mu sync.Mutex
	l  net.Listener
}

func newLink(url string) (*link, error) {
	addr, err := freeAddress()
	return &link{addr: addr, target: strings.TrimPrefix(url, "nats://")}, err
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (l *link) open() {
	n, err := net.Listen("tcp", l.addr)
	if err != nil {
		fmt.Fprintf(os.Stderr, "the link to the hub: %v\n", err)
		return
	}
	l.mu.Lock()
	l.l = n
	l.mu.Unlock()
	go func() {
		for {
			in, err := n.Accept()
			if err != nil {
				return
			}
			go l.carry(in)
		}
	}()
}

func (l *link) carry(in net.Conn) {
	out, err := net.Dial("tcp", l.target)
	if err != nil {
		in.Close()
		return
	}
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(out, in); done <- struct{}{} }()
	go func() { _, _ = io.Copy(in, out); done <- struct{}{} }()
	<-done
	in.Close()
	out.Close()
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.l != nil {
		l.l.Close()
	}
}
