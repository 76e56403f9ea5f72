package dlq

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/connector/nats/natstest"
	"github.com/edgeflow/edgeflow/dataflow"
)

const script = `
SET 'pipeline.name' = 'p';
SET 'edgeflow.late' = 'divert';
SET 'edgeflow.watermark.max-ahead' = '1 h';
SET 'edgeflow.dlq' = '%s';
CREATE TABLE a (k STRING, ts TIMESTAMP_LTZ(3), v BIGINT, WATERMARK FOR ts AS ts) WITH (
  'connector' = 'nats', 'nats.stream' = 'IN', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset', 'json.timestamp-format.standard' = 'ISO-8601');
CREATE TABLE o (k STRING, window_end TIMESTAMP(3), n BIGINT, q BIGINT) WITH (
  'connector' = 'nats', 'nats.stream' = 'OUT', 'nats.subject' = 'out.rows', 'nats.stream.create' = 'true', 'format' = 'json');
INSERT INTO o SELECT k, window_end, COUNT(*), SUM(100 / v) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;`

// rig is a server with a stream of events, some of which become letters.
type rig struct {
	t    *testing.T
	s    *embedded.Server
	js   jetstream.JetStream
	data string
	// instance is the host's name, hub the server that sinks forward to, if it is another one.
	instance string
	hub      *embedded.Server
	// key refers to the keys that encrypt state; empty for none.
	key string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s, err := embedded.Start(embedded.Options{Name: "dlq", StoreDir: t.TempDir(), Listen: "127.0.0.1:0", LazySync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	js := natstest.Connect(t, s.ClientURL())
	// What the server remembers of message IDs is forgotten at once: replays must not need it.
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "IN", Subjects: []string{"in.>"}, Duplicates: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, s: s, js: js, data: t.TempDir(), instance: "host.1"}
	now := time.Now().UTC().Truncate(time.Minute)
	event := func(k string, at time.Duration, v int) string {
		return fmt.Sprintf(`{"k":%q,"ts":%q,"v":%d}`, k, now.Add(at).Format("2006-01-02T15:04:05.000Z"), v)
	}
	r.publish("in.a", event("a", 1*time.Second, 1)+event("bad", 2*time.Second, 0)) // 1: a division by zero
	r.publish("in.b", "nonsense")                                                  // 2
	r.publish("in.c", event("c", 24*time.Hour, 1))                                 // 3: a clock ahead
	r.publish("in.d", event("d", 30*time.Second, 1))                               // 4
	r.publish("in.e", "["+event("d", 31*time.Second, 1)+","+event("late", 0, 5)+","+event("d", 32*time.Second, 1)+"]")
	r.publish("in.f", "\xff{")
	return r
}

func (r *rig) publish(subject, data string) {
	r.t.Helper()
	if _, err := r.js.Publish(r.t.Context(), subject, []byte(data)); err != nil {
		r.t.Fatal(err)
	}
}

// run runs the pipeline over what the stream has.
func (r *rig) run(target string) agent.Status {
	r.t.Helper()
	p, err := agent.Compile("p.sql", fmt.Sprintf(script, target))
	if err != nil {
		r.t.Fatal(err)
	}
	o := agent.Options{DataDir: r.data, Instance: r.instance, StateKey: r.key, NATS: agent.Server{URL: r.s.ClientURL()}, Logger: slog.New(slog.DiscardHandler)}
	if r.hub != nil {
		o.Hub.URL = r.hub.ClientURL()
	}
	a, err := agent.New(o)
	if err != nil {
		r.t.Fatal(err)
	}
	defer a.Close()
	pl, err := a.Add(r.t.Context(), p)
	if err != nil {
		r.t.Fatal(err)
	}
	select {
	case <-pl.Done():
	case <-r.t.Context().Done():
		r.t.Fatal("the pipeline did not end")
	}
	st := pl.Status()
	if err := pl.Err(); err != nil || len(st.Imbalances) > 0 {
		r.t.Fatalf("%v; imbalances %v", err, st.Imbalances)
	}
	return st
}

func (r *rig) options(target string) Options {
	keys, err := agent.StateKeys(r.key)
	if err != nil {
		r.t.Fatal(err)
	}
	o := Options{DataDir: r.data, Keys: keys, NATS: agent.Server{URL: r.s.ClientURL()}}
	if target != "file" {
		o.Stream = "EDGEFLOW_DLQ"
	}
	return o
}

func (r *rig) list(o Options) []Group {
	r.t.Helper()
	o.JSON = true
	var b bytes.Buffer
	if err := List(r.t.Context(), &b, o); err != nil {
		r.t.Fatal(err)
	}
	var out []Group
	for d := json.NewDecoder(&b); d.More(); {
		var g Group
		if err := d.Decode(&g); err != nil {
			r.t.Fatal(err)
		}
		out = append(out, g)
	}
	return out
}

func (r *rig) counts(o Options) string {
	r.t.Helper()
	out := ""
	for _, g := range r.list(o) {
		out += fmt.Sprintf("%s/%s/%s %d(%d) ", g.Pipeline, g.Kind, g.Class, g.Letters, g.Replayed)
	}
	return strings.TrimSpace(out)
}

func (r *rig) replay(o ReplayOptions) string {
	r.t.Helper()
	var b bytes.Buffer
	if err := Replay(r.t.Context(), &b, o); err != nil {
		r.t.Fatalf("%v\n%s", err, &b)
	}
	return b.String()
}

// tail is what the stream of events has behind a sequence.
func (r *rig) tail(after uint64) (out []string) {
	r.t.Helper()
	s, err := r.js.Stream(r.t.Context(), "IN")
	if err != nil {
		r.t.Fatal(err)
	}
	info, err := s.Info(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for seq := after + 1; seq <= info.State.LastSeq; seq++ {
		m, err := s.GetMsg(r.t.Context(), seq)
		if err != nil {
			r.t.Fatal(err)
		}
		if m.Header.Get(dataflow.HeaderReplay) == "" {
			r.t.Errorf("message %d has no header %s: %v", seq, dataflow.HeaderReplay, m.Header)
		}
		out = append(out, m.Subject+" "+string(m.Data))
	}
	return out
}

// Letters are counted, shown and sent again, from files and from a stream, once each; what
// was sent is new input and the ledger balances.
func TestLetters(t *testing.T) {
	for _, name := range []string{"file", "encrypted file", "edge", "hub"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			target, encrypted := strings.CutPrefix(name, "encrypted ")
			if encrypted {
				r.key = keyFile(t, "5a")
			}
			r.run(target)
			o := r.options(target)
			want := "p/dead/decode 2(0) p/dead/compute 1(0) p/late/late 1(0) p/clock/clock 1(0)"
			if got := r.counts(o); got != want {
				t.Fatalf("letters: %s\nwant: %s", got, want)
			}
			r.shows(o)

			o.Kind = "late"
			late := r.replay(ReplayOptions{Options: o, DryRun: true})
			if !strings.Contains(late, "1 events would be sent to stream IN, subject in.e") || r.tail(6) != nil {
				t.Errorf("dry run: %s, sent %q", late, r.tail(6))
			}
			var asked bytes.Buffer
			err := Replay(t.Context(), &asked, ReplayOptions{Options: withIn(o, "n\n")})
			if err == nil || err.Error() != "nothing was sent" || r.tail(6) != nil {
				t.Errorf("declined: %v, sent %q", err, r.tail(6))
			}
			r.replay(ReplayOptions{Options: withIn(o, "y\n")})
			if got := r.tail(6); len(got) != 1 || !strings.HasPrefix(got[0], `in.e {"k":"late"`) || !strings.HasSuffix(got[0], `"v":5}`) {
				t.Errorf("late event sent as %q", got)
			}
			o.Kind = ""
			r.replay(ReplayOptions{Options: o, Yes: true})
			if got := r.tail(7); len(got) != 4 {
				t.Errorf("the others sent as %q", got)
			}
			for range 2 {
				if out := r.replay(ReplayOptions{Options: o, Yes: true}); !strings.Contains(out, "no events to send") || len(r.tail(6)) != 5 {
					t.Errorf("again: %s, sent %q", out, r.tail(6))
				}
			}
			for _, g := range r.list(o) {
				if g.Replayed != g.Letters {
					t.Errorf("not replayed: %+v", g)
				}
			}
			// To a pipeline of another host they are five events more, which balance too.
			r.data, r.instance = t.TempDir(), "host.2"
			if st := r.run(target); st.Ledger.Sources[0].Read != 14 {
				t.Errorf("read %d events", st.Ledger.Sources[0].Read)
			}
			// What became a letter again is not sent round and round.
			o.DataDir, o.Instance = r.data, "host-2"
			if target == "file" {
				o.Instance = ""
			}
			if out := r.replay(ReplayOptions{Options: o, DryRun: true}); !strings.Contains(out, "5 letters stay: of events that were replayed and became letters again") {
				t.Errorf("letters of replayed events:\n%s", out)
			}
		})
	}
}

func withIn(o Options, answer string) Options {
	o.In = strings.NewReader(answer)
	return o
}

// shows checks what Show tells.
func (r *rig) shows(o Options) {
	r.t.Helper()
	show := func(o ShowOptions) string {
		r.t.Helper()
		var b bytes.Buffer
		if err := Show(r.t.Context(), &b, o); err != nil {
			r.t.Fatal(err)
		}
		return b.String()
	}
	late := o
	late.Kind = "late"
	text := show(ShowOptions{Options: late, Last: 1})
	for _, want := range []string{"late  pipeline p", "operator  window-aggregate", "source    a, IN message 5, row 1 at byte", "subject in.e", `{"k":"late"`, "k = late"} {
		if !strings.Contains(text, want) {
			r.t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if raw := show(ShowOptions{Options: late, Raw: true}); !json.Valid([]byte(raw)) {
		r.t.Errorf("raw %q", raw)
	}
	binary := o
	binary.Reason, binary.Class = "", "decode"
	if text := show(ShowOptions{Options: binary}); !strings.Contains(text, "ff 7b") || !strings.Contains(text, "nonsense") {
		r.t.Errorf("bytes that are no text:\n%s", text)
	}
	one := show(ShowOptions{Options: binary, Last: 1})
	if strings.Count(one, "reason ") != 1 || !strings.Contains(one, "ff 7b") {
		r.t.Errorf("the last one:\n%s", one)
	}
	late.JSON = true
	var e Entry
	if err := json.Unmarshal([]byte(show(ShowOptions{Options: late})), &e); err != nil || e.Pipeline != "p" || e.Log != "IN" || e.Sequence != 5 || e.Row != 1 || e.ID == "" {
		r.t.Errorf("JSON: %v %+v", err, e)
	}
	ids := o
	ids.IDs = []string{e.ID[:8]}
	if text := show(ShowOptions{Options: ids}); !strings.HasPrefix(text, e.ID) {
		r.t.Errorf("by ID:\n%s", text)
	}
}

// Letters of several hosts come together at a hub, and each host's are replayed at home.
func TestLettersOfAFleet(t *testing.T) {
	hub, err := embedded.Start(embedded.Options{Name: "hub", StoreDir: t.TempDir(), Listen: "127.0.0.1:0", LazySync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hub.Shutdown)
	var hosts []*rig
	for _, name := range []string{"north", "south"} {
		r := newRig(t)
		r.instance, r.hub = name, hub
		r.run("hub")
		hosts = append(hosts, r)
	}
	o := Options{Stream: "EDGEFLOW_DLQ", Letters: agent.Server{URL: hub.ClientURL()}, NATS: agent.Server{URL: hosts[1].s.ClientURL()}}
	o.Class, o.Instance = "decode", "south"
	hosts[1].replay(ReplayOptions{Options: o, Yes: true})
	if n, s := len(hosts[0].tail(6)), len(hosts[1].tail(6)); n != 0 || s != 2 {
		t.Errorf("%d and %d events sent", n, s)
	}
	o.Instance = ""
	got := ""
	for _, g := range hosts[1].list(o) {
		got += fmt.Sprintf("%s %s %d(%d) ", g.Instance, g.Class, g.Letters, g.Replayed)
	}
	if got != "north decode 2(0) south decode 2(2) " {
		t.Errorf("letters: %s", got)
	}
}

// A run that died between sending and marking is completed, not repeated.
func TestAnInterruptedReplayIsCompleted(t *testing.T) {
	for _, target := range []string{"file", "edge"} {
		t.Run(target, func(t *testing.T) {
			r := newRig(t)
			r.run(target)
			o := r.options(target)
			p, err := o.open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer p.close()
			o.Kind = "clock"
			var e *Entry
			if err := o.entries(t.Context(), p, func(x *Entry) error { e = x; return nil }); err != nil || e == nil {
				t.Fatal(e, err)
			}
			// The state behind a kill: the beginning is noted, one event was sent.
			if err := p.mark(t.Context(), mark{Begin: &begin{Stream: "IN", Last: 6}}); err != nil {
				t.Fatal(err)
			}
			msg := &natsgo.Msg{Subject: e.Subject, Data: e.Raw(), Header: natsgo.Header{dataflow.HeaderReplay: {e.ID}}}
			if _, err := r.js.PublishMsg(t.Context(), msg, jetstream.WithMsgID(messageID+e.ID)); err != nil {
				t.Fatal(err)
			}
			o.Kind = ""
			if out := r.replay(ReplayOptions{Options: o, Yes: true}); !strings.Contains(out, "it has sent 1 events") || len(r.tail(6)) != 5 {
				t.Errorf("%s\nsent %q", out, r.tail(6))
			}
		})
	}
}

// A mark of which a crash has left a part is none, and the next one takes its place.
func TestTornMarks(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "pipelines"), 0o750); err != nil {
		t.Fatal(err)
	}
	f, err := openFiles(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.mark(t.Context(), mark{Done: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, marksFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(whole, `{"done":["b`+strings.Repeat("x", 9000)...), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := f.mark(t.Context(), mark{Done: []string{"c"}}); err != nil {
		t.Fatal(err)
	}
	r, err := readMarks(t.Context(), f)
	if err != nil || len(r.done) != 2 || !r.done["a"] || !r.done["c"] {
		t.Errorf("%v %v", r, err)
	}
}

// A letter that is too large for its stream gives way to one without the event.
func TestLargeLetters(t *testing.T) {
	r := newRig(t)
	r.publish("in.large", "x"+strings.Repeat("\x01", 300_000)) // six times as large as JSON
	r.run("edge")
	o := r.options("edge")
	o.Reason = "the event is left out"
	found := 0
	p, err := o.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	err = o.entries(t.Context(), p, func(e *Entry) error {
		found++
		if e.Raw() != nil || e.Sequence != 7 || e.Log != "IN" || e.Subject != "in.large" || e.Class != "decode" {
			t.Errorf("letter %+v", e)
		}
		return nil
	})
	if err != nil || found != 1 {
		t.Errorf("%d letters: %v", found, err)
	}
	if out := r.replay(ReplayOptions{Options: o, DryRun: true}); !strings.Contains(out, "1 letters stay: without the bytes of the event") {
		t.Errorf("%s", out)
	}
}

// Whatever a line holds, it is a letter or an error, and a letter can be shown.
func FuzzEntry(f *testing.F) {
	f.Add([]byte(`{"pipeline":"p","kind":"dead","class":"decode","reason":"r (at byte 3)","source":"a","log":"A","sequence":7,"row":1,"arrival_ms":5,"event":"\u001b[31m"}`))
	f.Add([]byte(`{"reason":"late","arrival_ms":-1,"event_base64":"gQGi","columns":{"a":null,"b":"\u009b"}}`))
	f.Add([]byte(`{"event_base64":"3wAAAAHB","header":"h"}`))
	f.Add([]byte(`{"class":"too-large","reason":"the message has 9 bytes","head":"\u0007{","size":9}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := parseEntry(line, "p", "i", "dead")
		if err != nil {
			return
		}
		if text := e.text(); strings.ContainsAny(strings.ReplaceAll(strings.ReplaceAll(text, "\n", ""), "\t", ""), "\x1b\x00\x07\u009b") {
			t.Errorf("control characters reach the terminal: %q", text)
		}
		if again, err := parseEntry(line, "p", "i", "dead"); err != nil || again.ID != e.ID || e.sort() != again.sort() {
			t.Errorf("read twice: %v", err)
		}
	})
}

// Errors say what to do.
func TestErrors(t *testing.T) {
	r := newRig(t)
	for want, err := range map[string]error{
		"name the data folder": List(t.Context(), &bytes.Buffer{}, Options{DataDir: filepath.Join(t.TempDir(), "none")}),
		"--stream":             List(t.Context(), &bytes.Buffer{}, Options{DataDir: filepath.Join(t.TempDir(), "none")}),
		"SET 'edgeflow.dlq'":   List(t.Context(), &bytes.Buffer{}, Options{Stream: "NONE", NATS: agent.Server{URL: r.s.ClientURL()}}),
		"no server is named":   List(t.Context(), &bytes.Buffer{}, Options{Stream: "NONE"}),
		"dead, late, clock":    List(t.Context(), &bytes.Buffer{}, Options{Filter: Filter{Kind: "dad"}}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
