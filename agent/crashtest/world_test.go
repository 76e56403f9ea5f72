package crashtest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	// The program is built and run: a result that is kept goes by all that is in it.
	_ "github.com/edgeflow/edgeflow/agent/command"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/connector/nats/natstest"
	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
	"github.com/edgeflow/edgeflow/examples/qoe"
)

// binary is the edgeflow that the tests run.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "edgeflow-crashtest-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "edgeflow")
		if out, err := exec.Command("go", "build", "-o", binary, "github.com/edgeflow/edgeflow/cmd/edgeflow").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// The totals of each customer come on top of the example's results: rows that are revised,
// of which a checkpoint lets only the newest go.
const (
	totals      = "qoe.totals"
	totalsTable = `CREATE TABLE totals (customer STRING, views BIGINT, rebuffer_ms BIGINT, PRIMARY KEY (customer) NOT ENFORCED) WITH (
  'connector' = 'nats', 'nats.stream' = 'QOE', 'nats.subject' = '` + totals + `', 'nats.stream.create' = 'true', 'format' = 'json'
);
`
	totalsInsert = `  INSERT INTO totals SELECT customer, COUNT(*), SUM(CAST(rebuffer_ms AS BIGINT)) FROM beacons GROUP BY customer;
`
)

// The longest that a process may take for the whole input.
const processMax = natstest.Patience

// world is the servers and the stored input.
type world struct {
	t         *testing.T
	dir, sql  string
	beacons   int
	begun     *int // processes, in this world and those made of it
	pipeline  pipeline
	edge, hub *embedded.Server
	js        jetstream.JetStream // of the hub
}

// newWorld stores the beacons at the edge.
func newWorld(t *testing.T, beacons int) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), beacons: beacons, begun: new(int)}
	w.edge = w.server("edge")
	w.store(beacons)
	return w
}

// with is a world of the same edge with a pipeline and a hub of its own.
func (w *world) with(t *testing.T, p pipeline) *world {
	t.Helper()
	n := &world{t: t, dir: t.TempDir(), edge: w.edge, beacons: w.beacons, begun: w.begun, pipeline: p}
	n.hub = n.server("hub")
	n.js = n.connect(n.hub)
	n.sql = filepath.Join(n.dir, p.name+".sql")
	if err := os.WriteFile(n.sql, []byte(p.sql), 0o600); err != nil {
		t.Fatal(err)
	}
	return n
}

func (w *world) server(name string) *embedded.Server {
	s, err := embedded.Start(embedded.Options{
		Name: name, StoreDir: filepath.Join(w.dir, name), Listen: "127.0.0.1:0", LazySync: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.Shutdown)
	return s
}

func (w *world) connect(s *embedded.Server) jetstream.JetStream {
	w.t.Helper()
	return natstest.Connect(w.t, s.ClientURL())
}

// store publishes the beacons, one JSON object a message.
func (w *world) store(beacons int) {
	ctx := context.Background()
	js := w.connect(w.edge)
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "BEACONS", Subjects: []string{"beacons.>"}, MaxBytes: 1 << 30}); err != nil {
		w.t.Fatal(err)
	}
	g := qoe.New(1, time.Now().UnixMilli(), 500)
	var b qoe.Beacon
	for i := range beacons {
		g.At(uint64(i), &b)
		if _, err := js.PublishAsync("beacons."+b.Region, b.AppendJSON(nil), jetstream.WithStallWait(natstest.Patience)); err != nil {
			w.t.Fatal(err)
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-time.After(natstest.Patience):
		w.t.Fatal("the input is not stored")
	}
	s, err := js.Stream(ctx, "BEACONS")
	if err != nil {
		w.t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != uint64(beacons) {
		w.t.Fatalf("%d of %d beacons are stored", n, beacons)
	}
}

// tidyEvery is how many processes are begun before the consumers of earlier ones are removed:
// the server keeps those of a process that was killed for five minutes, and has room for 1,000.
const tidyEvery = 300

// tidy removes the consumers of processes that are gone. Only tests with one process at a time
// come so far.
func (w *world) tidy() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), natstest.Patience)
	defer cancel()
	s, err := w.connect(w.edge).Stream(ctx, "BEACONS")
	if err != nil {
		w.t.Fatal(err)
	}
	names := s.ConsumerNames(ctx)
	for name := range names.Name() {
		if err := s.DeleteConsumer(ctx, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			w.t.Fatal(err)
		}
	}
	if err := names.Err(); err != nil {
		w.t.Fatal(err)
	}
}

// process is one run of the binary.
type process struct {
	cmd    *exec.Cmd
	listen string // control address
	out    output
	ended  chan struct{}
	err    error
}

// output is what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start runs the pipeline on a data folder, with failpoints.
func (w *world) start(data, points string) *process {
	return w.launch(binary, data, points, "")
}

// launch runs the pipeline with a program of one's own and a control address, which may be
// empty. Arguments before those of the run make the program another one that runs it.
func (w *world) launch(program, data, points, listen string, before ...string) *process {
	w.t.Helper()
	return w.begin(program, w.hub.ClientURL(), data, points, listen, before...)
}

// launchAt runs the pipeline with a hub that may be away.
func (w *world) launchAt(program, hub, data, listen string, before ...string) *process {
	w.t.Helper()
	return w.begin(program, "nats://"+hub, data, "", listen, before...)
}

func (w *world) begin(program, hub, data, points, listen string, before ...string) *process {
	w.t.Helper()
	if *w.begun++; *w.begun%tidyEvery == 0 {
		w.tidy()
	}
	p := &process{ended: make(chan struct{}), listen: listen}
	p.cmd = exec.Command(program, append(before, "run", w.sql, "--data", data, "--nats", w.edge.ClientURL(), "--hub", hub,
		"--listen", listen, "--instance", "crashtest")...)
	p.cmd.Env = append(os.Environ(), failpoint.Env+"="+points)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p
}

// wait waits for the end and tells whether the process was killed. One that fails, or
// takes too long, fails the test.
func (w *world) wait(p *process, killAfter time.Duration) (killed bool) {
	w.t.Helper()
	var kill <-chan time.Time
	if killAfter > 0 {
		kill = time.After(killAfter)
	}
	late := time.After(processMax)
	for {
		select {
		case <-p.ended:
			if strings.Contains(p.out.String(), "does not balance") {
				w.t.Errorf("the ledger does not balance:\n%s", p.out.String())
			}
			var exit *exec.ExitError
			if p.err == nil {
				return false
			}
			if errors.As(p.err, &exit) {
				if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() && ws.Signal() == syscall.SIGKILL {
					return true
				}
			}
			w.t.Fatalf("the process ended with %v:\n%s", p.err, p.out.String())
		case <-kill:
			if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				w.t.Fatal(err)
			}
		case <-late:
			_ = p.cmd.Process.Signal(syscall.SIGQUIT) // shows where it stands
			<-p.ended
			w.t.Fatalf("the process did not end within %v:\n%s", processMax, p.out.String())
		}
	}
}

// read calls fn with all messages that a stream of the hub has of a subject.
func (w *world) read(stream, subject string, fn func(jetstream.Msg)) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), natstest.Patience)
	defer cancel()
	c, err := w.js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
	if err != nil {
		w.t.Fatal(err)
	}
	info, err := c.Info(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	it, err := c.Messages()
	if err != nil {
		w.t.Fatal(err)
	}
	defer it.Stop()
	for left := info.NumPending; left > 0; left-- {
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			w.t.Fatalf("%d messages are missing: %v", left, err)
		}
		fn(m)
	}
}

// result is what a run leaves: the rows of each subject in order, and the folders of rows
// that were diverted.
type result struct {
	rows map[string][]row
	// messages is how many the hub has, and diverted the rows in folders.
	messages, diverted int
}

type row struct {
	sequence string // of the outbox
	kind     string // of the change; empty for an insertion
	data     string
}

// take reads the hub's stream and the diverted rows, and deletes the stream for the next trial.
func (w *world) take(data string) *result {
	w.t.Helper()
	r := &result{rows: map[string][]row{}}
	w.read("QOE", "qoe.>", func(m jetstream.Msg) {
		r.rows[m.Subject()] = append(r.rows[m.Subject()], row{m.Headers().Get("Edgeflow-Sequence"), m.Headers().Get("Edgeflow-Kind"), string(m.Data())})
		r.messages++
	})
	if err := w.js.DeleteStream(context.Background(), "QOE"); err != nil {
		w.t.Fatal(err)
	}
	w.diverted(data, r)
	for _, subject := range w.pipeline.unordered {
		r.rows[subject] = sorted(w.t, r.rows[subject])
	}
	if w.pipeline.totals {
		r.rows[totals] = newest(w.t, r.rows[totals])
	}
	return r
}

// sorted is rows in the order of their texts. Their sequences must have neither hole nor
// repetition.
func sorted(t *testing.T, rows []row) []row {
	out := make([]row, len(rows))
	for i, r := range rows {
		if want := fmt.Sprintf("%d-%d", i+1, i+1); r.sequence != want {
			t.Fatalf("row %d has sequence %s instead of %s", i, r.sequence, want)
		}
		out[i] = row{kind: r.kind, data: r.data}
	}
	slices.SortFunc(out, func(a, b row) int { return cmp.Or(cmp.Compare(a.data, b.data), cmp.Compare(a.kind, b.kind)) })
	return out
}

// newest keeps the newest total of each customer, in the order of the names; which ones go
// before it depends on when checkpoints are. Their sequences must have neither hole nor
// repetition.
func newest(t *testing.T, rows []row) []row {
	byName := map[string]string{}
	for i, r := range rows {
		if want := fmt.Sprintf("%d-%d", i+1, i+1); r.sequence != want {
			t.Fatalf("row %d of the totals has sequence %s instead of %s", i, r.sequence, want)
		}
		name, _, _ := strings.Cut(r.data, ",")
		byName[name] = r.data
	}
	var out []row
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		out = append(out, row{data: byName[name]})
	}
	return out
}

// diverted adds the rows of the pipeline's own files, such as dead letters, in the order of
// their names.
func (w *world) diverted(data string, r *result) {
	root := filepath.Join(data, "pipelines", w.pipeline.name)
	folders, err := os.ReadDir(root)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range folders {
		if !f.IsDir() || f.Name() == "savepoints" {
			continue
		}
		files, err := filepath.Glob(filepath.Join(root, f.Name(), "part-*"))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				w.t.Fatal(err)
			}
			for line := range strings.Lines(string(b)) {
				r.rows["file "+f.Name()] = append(r.rows["file "+f.Name()], row{data: line})
				r.diverted++
			}
		}
	}
}
