package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/agent/capture"
	"github.com/edgeflow/edgeflow/agent/pipetest"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/connector/nats/natstest"
	"github.com/edgeflow/edgeflow/store"
)

const script = `
SET 'pipeline.name' = 'p';
SET 'edgeflow.late' = 'divert';
SET 'pipeline.auto-watermark-interval' = '1 ms';
CREATE TABLE orders (id BIGINT, k STRING, price DECIMAL(20, 4), tags ARRAY<STRING>, at TIMESTAMP_LTZ(3), topic STRING METADATA FROM 'subject' VIRTUAL, unused DOUBLE,
  WATERMARK FOR at AS at - INTERVAL '1' SECOND) WITH (
  'connector' = 'nats', 'nats.stream' = 'ORDERS', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset', 'json.timestamp-format.standard' = 'ISO-8601');
CREATE TABLE payments (id BIGINT, paid TIMESTAMP_LTZ(3), method STRING, WATERMARK FOR paid AS paid - INTERVAL '1' SECOND) WITH (
  'connector' = 'nats', 'nats.stream' = 'PAYMENTS', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset', 'json.timestamp-format.standard' = 'ISO-8601');
CREATE TABLE totals (k STRING, window_end TIMESTAMP(3), n BIGINT, total DECIMAL(38, 4), per BIGINT, topic STRING) WITH (
  'connector' = 'nats', 'nats.stream' = 'OUT', 'nats.subject' = 'out.totals', 'nats.stream.create' = 'true', 'nats.stream.subjects' = 'out.>', 'format' = 'json');
CREATE TABLE settled (id BIGINT, k STRING, method STRING) WITH (
  'connector' = 'nats', 'nats.stream' = 'OUT', 'nats.subject' = 'out.settled', 'nats.stream.create' = 'true', 'nats.stream.subjects' = 'out.>', 'format' = 'json');
EXECUTE STATEMENT SET BEGIN
INSERT INTO totals SELECT k, window_end, COUNT(*), SUM(price), SUM(100 / id), MAX(topic) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(at), INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;
INSERT INTO settled SELECT o.id, o.k, p.method FROM orders o, payments p WHERE o.id = p.id AND p.paid BETWEEN o.at AND o.at + INTERVAL '1' MINUTE;
END;`

// rig is a server with orders and payments, and the rows that the pipeline makes of them.
type rig struct {
	t    *testing.T
	s    *embedded.Server
	js   jetstream.JetStream
	file string // the pipeline
	want map[string][]string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s, err := embedded.Start(embedded.Options{Name: "replay", StoreDir: t.TempDir(), Listen: "127.0.0.1:0", LazySync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	js := natstest.Connect(t, s.ClientURL())
	r := &rig{t: t, s: s, js: js, file: filepath.Join(t.TempDir(), "p.sql"), want: map[string][]string{}}
	if err := os.WriteFile(r.file, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ORDERS", "PAYMENTS"} {
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{strings.ToLower(name) + ".>"}}); err != nil {
			t.Fatal(err)
		}
	}
	r.fill()
	r.run()
	return r
}

func (r *rig) publish(subject, data string) {
	r.t.Helper()
	if _, err := r.js.Publish(r.t.Context(), subject, []byte(data)); err != nil {
		r.t.Fatal(err)
	}
}

// fill stores orders, one or two a message, and payments; some cannot be read, one cannot be
// computed, some are late and the clock of one is ahead.
func (r *rig) fill() {
	start := time.Now().UTC().Truncate(time.Minute)
	at := func(ms int) string {
		return start.Add(time.Duration(ms) * time.Millisecond).Format("2006-01-02T15:04:05.000Z")
	}
	for i := range 300 {
		// Event time runs far faster than arrival, and so the watermark's grid is fine.
		order := fmt.Sprintf(`{"id":%d,"k":"k%d","price":%d.%04d,"tags":["a","t\"%d"],"at":"%s","unused":%d.5}`, i, i%3, i, i*7%10000, i, at(i*137), i)
		switch {
		case i%50 == 49:
			r.publish("orders.bad", "nonsense")
		case i == 120:
			r.publish("orders.x", fmt.Sprintf(`{"id":77,"k":"ahead","price":1,"at":"%s"}`, at(86_400_000)))
		}
		if i%40 == 39 {
			r.publish("orders.late", fmt.Sprintf(`{"id":%d,"k":"k1","price":1,"at":"%s"}`, i, at(0)))
		}
		if i%4 == 0 {
			order += "\n" + order
		}
		r.publish(fmt.Sprintf("orders.%d", i%5), order)
		if i%2 == 0 {
			r.publish("payments.a", fmt.Sprintf(`{"id":%d,"paid":"%s","method":"m%d"}`, i, at(i*137+2000), i%4))
		}
	}
}

// run runs the pipeline and keeps its rows.
func (r *rig) run() {
	r.t.Helper()
	p, err := agent.Compile("p.sql", script)
	if err != nil {
		r.t.Fatal(err)
	}
	a, err := agent.New(agent.Options{DataDir: r.t.TempDir(), Instance: "i", NATS: agent.Server{URL: r.s.ClientURL()}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		r.t.Fatal(err)
	}
	defer a.Close()
	pl, err := a.Add(r.t.Context(), p)
	if err != nil {
		r.t.Fatal(err)
	}
	<-pl.Done()
	if err := pl.Err(); err != nil {
		r.t.Fatal(err)
	}
	s, err := r.js.Stream(r.t.Context(), "OUT")
	if err != nil {
		r.t.Fatal(err)
	}
	info, err := s.Info(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		m, err := s.GetMsg(r.t.Context(), seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // a cursor that was rolled up
		}
		if err != nil {
			r.t.Fatal(err)
		}
		if table, ok := strings.CutPrefix(m.Subject, "out."); ok {
			r.want[table] = append(r.want[table], values(r.t, m.Data))
		}
	}
	if len(r.want["totals"]) < 8 || len(r.want["settled"]) < 100 {
		r.t.Fatalf("the pipeline has %d and %d rows", len(r.want["totals"]), len(r.want["settled"]))
	}
}

// values are the cells of a row as text, by name.
func values(t *testing.T, row []byte) string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(row))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	var out []string
	for k, v := range m {
		out = append(out, fmt.Sprintf("%s=%v", k, v))
	}
	slices.Sort(out)
	return strings.ReplaceAll(strings.ReplaceAll(strings.Join(out, " "), "T", " "), ".000", "")
}

func (r *rig) capture(o CaptureOptions) {
	r.t.Helper()
	o.NATS = agent.Server{URL: r.s.ClientURL()}
	o.All, o.Once = true, true
	if err := Capture(r.t.Context(), &bytes.Buffer{}, agent.Script{File: r.file, Text: script}, o); err != nil {
		r.t.Fatal(err)
	}
}

// replay returns the rows by table, and what was told.
func (r *rig) replay(path string, o Options) (rows map[string][]string, told string) {
	r.t.Helper()
	var out, messages bytes.Buffer
	o.JSON, o.Messages = true, &messages
	if err := Run(r.t.Context(), &out, agent.Script{File: r.file, Text: script}, path, o); err != nil {
		r.t.Fatalf("%v\n%s", err, &messages)
	}
	rows = map[string][]string{}
	for d := json.NewDecoder(&out); d.More(); {
		var l struct {
			Table, Op string
			Row       json.RawMessage
		}
		if err := d.Decode(&l); err != nil {
			r.t.Fatal(err)
		}
		if l.Op != "+I" {
			r.t.Errorf("%s", l.Op)
		}
		rows[l.Table] = append(rows[l.Table], values(r.t, l.Row))
	}
	return rows, messages.String()
}

func (r *rig) equal(what string, got map[string][]string) {
	r.t.Helper()
	for table, want := range r.want {
		a, b := slices.Clone(want), slices.Clone(got[table])
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			missing, extra := difference(a, b)
			r.t.Errorf("%s: %s has %d rows, the pipeline %d; missing %q, extra %q", what, table, len(b), len(a), missing, extra)
		}
	}
}

// A replay gives what the pipeline gave, from a ring and from a file, at any speed, and
// becomes a test that passes.
func TestReplayIsThePipeline(t *testing.T) {
	r := newRig(t)
	dir := t.TempDir()
	ring, file := filepath.Join(dir, "ring"), filepath.Join(dir, "one.capture")
	r.capture(CaptureOptions{Out: ring, MaxBytes: 64 << 20})
	keys := testKeys(t) // of one; the ring is in the clear, and read with a key all the same
	r.capture(CaptureOptions{Out: file, Keys: keys})
	var first map[string][]string
	for _, path := range []string{ring, file} {
		for _, speed := range []float64{0, 1e6} {
			got, told := r.replay(path, Options{Speed: speed, Keys: keys})
			r.equal(fmt.Sprintf("%s at %g", path, speed), got)
			for _, want := range []string{"orders: 389 events read, 6 cannot be decoded", "2 compute", "1 clock", "late: "} {
				if !strings.Contains(told, want) {
					t.Errorf("%q is missing in\n%s", want, told)
				}
			}
			if first == nil {
				first = got
			} else if speed == 0 && !slices.Equal(first["totals"], got["totals"]) {
				t.Error("two replays give their rows in another order")
			}
		}
	}
}

func testKeys(t *testing.T) *store.Keys {
	t.Helper()
	k, err := store.ParseKeys(strings.Repeat("5a", store.KeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// handmade is an encrypted capture of orders and payments whose arrival times are chosen: several
// steps of a test apart, and close together.
func handmade(t *testing.T) string {
	t.Helper()
	const start = 1_780_000_000_000
	path := filepath.Join(t.TempDir(), "made.capture")
	w, err := capture.Create(path, capture.Header{Pipeline: "p", Sources: []capture.Source{{Table: "orders", Stream: "ORDERS"}, {Table: "payments", Stream: "PAYMENTS"}}}, capture.Options{Keys: testKeys(t)})
	if err != nil {
		t.Fatal(err)
	}
	at := func(ms int) string { return time.UnixMilli(start + int64(ms)).UTC().Format("2006-01-02T15:04:05.000Z") }
	put := func(source, seq, arrival int, subject, data string) {
		t.Helper()
		r := capture.Record{Source: source, Seq: uint64(seq), ArrivalMs: start + int64(arrival), Subject: []byte(subject), Data: []byte(data)}
		if err := w.Append(&r); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 300 {
		ms := i * 137
		order := fmt.Sprintf(`{"id":%d,"k":"k%d","price":%d.%04d,"tags":["a","t\"%d"],"at":"%s","unused":%d.5}`, i, i%3, i, i*7%10000, i, at(ms), i)
		switch {
		case i%60 == 59:
			put(0, 4*i, ms, "orders.bad", "nonsense")
		case i == 120:
			put(0, 4*i, ms, "orders.x", fmt.Sprintf(`{"id":77,"k":"ahead","price":1,"at":"%s"}`, at(86_400_000)))
		case i%40 == 39:
			put(0, 4*i, ms, "orders.late", fmt.Sprintf(`{"id":%d,"k":"k1","price":1,"at":"%s"}`, i, at(max(0, ms-25_000))))
		}
		put(0, 4*i+1, ms, fmt.Sprintf("orders.%d", i%5), order)
		if i%2 == 0 {
			put(1, i, ms+50, "payments.a", fmt.Sprintf(`{"id":%d,"paid":"%s","method":"m%d"}`, i, at(ms+40), i%4))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// A replay becomes a test that passes, whose rows are the replay's, and that can fail.
func TestAReplayBecomesATest(t *testing.T) {
	path, dir := handmade(t), t.TempDir()
	r := &rig{t: t, file: filepath.Join(dir, "p.sql")}
	text := strings.Replace(script, "SET 'pipeline.auto-watermark-interval' = '1 ms';", "", 1)
	if err := os.WriteFile(r.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "p_test.yaml")
	run := func() (string, error) {
		var messages bytes.Buffer
		err := Run(t.Context(), &bytes.Buffer{}, agent.Script{File: r.file, Text: text}, path, Options{Test: out, Messages: &messages, Keys: testKeys(t)})
		return messages.String(), err
	}
	var key *store.KeyError
	if err := Run(t.Context(), &bytes.Buffer{}, agent.Script{File: r.file, Text: text}, path, Options{}); !errors.As(err, &key) {
		t.Fatalf("without its key: %v", err)
	}
	told, err := run()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"late: ", "455 rows of input", "5 events of orders that cannot be decoded", "1 events of orders whose clock is ahead"} {
		if !strings.Contains(told, want) {
			t.Errorf("%q is missing in\n%s", want, told)
		}
	}
	if strings.Contains(told, "is not the replay's") {
		t.Errorf("the test differs:\n%s", told)
	}
	var report bytes.Buffer
	if ok, err := pipetest.Main(&report, []string{out}, pipetest.Options{}); err != nil || !ok {
		t.Errorf("%v\n%s", err, &report)
	}
	if _, err := run(); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("a test was overwritten: %v", err)
	}
	test, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out, bytes.Replace(test, []byte(`"k1"`), []byte(`"k2"`), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if ok, err := pipetest.Main(&report, []string{out}, pipetest.Options{}); err != nil || ok {
		t.Errorf("a test with another input passes: %v", err)
	}
}

// A capture goes on until it is stopped, and keeps a ring.
func TestCaptureFollowsTheStream(t *testing.T) {
	r := newRig(t)
	dir := filepath.Join(t.TempDir(), "ring")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() {
		done <- Capture(ctx, &bytes.Buffer{}, agent.Script{File: r.file, Text: script},
			CaptureOptions{Out: dir, NATS: agent.Server{URL: r.s.ClientURL()}, Tables: []string{"payments"}, MaxBytes: 16 << 10, All: true})
	}()
	last := ""
	for i := range 2000 {
		last = fmt.Sprintf(`{"id":%d,"method":"later"}`, i)
		r.publish("payments.b", last)
	}
	// The newest message comes into the ring.
	for found := false; !found; {
		if ctx.Err() != nil {
			t.Fatal("the newest message did not come")
		}
		c, err := capture.Open(dir, nil)
		if err != nil {
			continue
		}
		var rec capture.Record
		for err = c.Next(&rec); err == nil; err = c.Next(&rec) {
			found = string(rec.Data) == last
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for _, f := range files {
		st, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += st.Size()
	}
	if size > 16<<10 {
		t.Errorf("the ring has %d bytes", size)
	}
}

// Errors say what to do.
func TestErrors(t *testing.T) {
	r := newRig(t)
	s := agent.Script{File: r.file, Text: script}
	only := filepath.Join(t.TempDir(), "orders.capture")
	r.capture(CaptureOptions{Out: only, Tables: []string{"orders"}})
	for want, err := range map[string]error{
		"--embedded-listen":                Capture(t.Context(), &bytes.Buffer{}, s, CaptureOptions{Out: t.TempDir()}),
		"those are: orders, payments":      Capture(t.Context(), &bytes.Buffer{}, s, CaptureOptions{Out: t.TempDir(), Tables: []string{"order"}}),
		"--source payments":                Run(t.Context(), &bytes.Buffer{}, s, only, Options{Messages: &bytes.Buffer{}}),
		"no capture is here":               Run(t.Context(), &bytes.Buffer{}, s, t.TempDir(), Options{Messages: &bytes.Buffer{}}),
		"does not begin as a capture does": Run(t.Context(), &bytes.Buffer{}, s, r.file, Options{Messages: &bytes.Buffer{}}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
