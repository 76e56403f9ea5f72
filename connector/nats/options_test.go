package nats

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseSourceOptions(t *testing.T) {
	o, err := ParseSource(map[string]string{
		"connector": "nats", "format": "json", "json.ignore-parse-errors": "true", "edgeflow.watermark.by": "device",
		"nats.url": "nats://a:4222, tls://b", "nats.stream": "S", "nats.subject": "s.*.x; s.>", "nats.credentials": "/c", "nats.domain": "hub",
		"nats.stream.create": "true", "nats.stream.max-bytes": "64 mb", "nats.stream.max-age": "2 d", "nats.pull.messages": "100",
		"scan.startup.mode": "timestamp", "scan.startup.timestamp-millis": "1700000000000", "scan.bounded.mode": "latest-offset",
		"edgeflow.on-gap": "resume", "nats.timeout": "3 s", "nats.reader": "client", "nats.delivery": "push",
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(o.URLs) != 2 || o.Stream != "S" || len(o.Subjects) != 2 || o.Subjects[1] != "s.>" || !o.CreateStream || o.StreamMaxBytes != 64<<20 ||
		o.StreamMaxAge != 48*time.Hour || o.PullMessages != 100 || o.Startup != Timestamp || !o.Bounded || o.OnGap != GapResume || o.RequestTimeout != 3*time.Second || o.Reader != ClientReader || o.Delivery != Push {
		t.Fatalf("%+v", o)
	}
	if _, err := NewSource(o); err != nil {
		t.Fatal(err)
	}
	if o.APIPrefix() != "$JS.hub.API." {
		t.Fatal(o.APIPrefix())
	}
}

func TestWrongOptions(t *testing.T) {
	cases := []struct {
		with map[string]string
		want string
	}{
		{map[string]string{"nats.steam": "S"}, "did you mean 'nats.stream'?"},
		{map[string]string{"nats.url": "nats://a"}, "option 'nats.stream': missing"},
		{map[string]string{"nats.stream": "a.b"}, "no spaces, dots"},
		{map[string]string{"nats.stream": "S", "nats.subject": "a..b"}, "empty token"},
		{map[string]string{"nats.stream": "S", "nats.subject": "a.>.b"}, "only at the end"},
		{map[string]string{"nats.stream": "S", "nats.url": "http://x"}, "scheme \"http\" is not known"},
		{map[string]string{"nats.stream": "S", "nats.url": "http://me:secret@x"}, "***@x"},
		{map[string]string{"nats.stream": "S", "scan.startup.mode": "group-offsets"}, "positions are kept in edgeflow's own checkpoints"},
		{map[string]string{"nats.stream": "S", "scan.startup.mode": "first"}, "expected 'earliest-offset'"},
		{map[string]string{"nats.stream": "S", "scan.startup.mode": "timestamp"}, "scan.startup.timestamp-millis"},
		{map[string]string{"nats.stream": "S", "scan.bounded.mode": "x"}, "expected 'unbounded'"},
		{map[string]string{"nats.stream": "S", "edgeflow.on-gap": "x"}, "expected 'fail' or 'resume'"},
		{map[string]string{"nats.stream": "S", "nats.reader": "fast"}, "expected 'wire' or 'client'"},
		{map[string]string{"nats.stream": "S", "nats.delivery": "both"}, "expected 'pull' or 'push'"},
		{map[string]string{"nats.stream": "S", "nats.stream.create": "yes"}, "expected 'true' or 'false'"},
		{map[string]string{"nats.stream": "S", "nats.stream.create": "true"}, "a stream is created with the subjects"},
		{map[string]string{"nats.stream": "S", "nats.stream.max-bytes": "many"}, "64 mb"},
		{map[string]string{"nats.stream": "S", "nats.pull.messages": "x"}, "not a whole number"},
		{map[string]string{"nats.stream": "S", "nats.tls.cert": "/c"}, "come together"},
		{map[string]string{"nats.stream": "S", "nats.user": "u", "nats.nkey": "/k"}, "more than one way to log in"},
		{map[string]string{"nats.stream": "S", "nats.pull.heartbeat": "40 s"}, "less than half"},
	}
	for _, c := range cases {
		o, err := ParseSource(c.with)
		if err == nil {
			if len(o.URLs) == 0 {
				o.URLs = []string{"nats://127.0.0.1:4222"}
			}
			_, err = NewSource(o)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, ErrOption) {
			t.Errorf("%v: %v, want %q", c.with, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("a secret is shown: %v", err)
		}
	}
	if _, err := NewSource(SourceOptions{Stream: "S"}); err == nil || !strings.Contains(err.Error(), "embedded server") {
		t.Errorf("no server: %v", err)
	}
}

func TestParseSinkOptions(t *testing.T) {
	o, err := ParseSink(map[string]string{"connector": "nats", "nats.stream": "HUB", "nats.subject": "agg.cdn", "nats.stream.create": "true", "edgeflow.pack": "10"})
	if err != nil {
		t.Fatal(err)
	}
	if o.Prefix != "HUB" || strings.Join(o.StreamSubjects, " ") != "agg.cdn HUB.cursor.>" {
		t.Fatalf("%+v", o)
	}
	o, err = ParseSink(map[string]string{"nats.stream": "HUB", "nats.subject": "agg.cdn", "nats.cursor-prefix": "agg", "nats.stream.subjects": "agg.>"})
	if err != nil || strings.Join(o.StreamSubjects, " ") != "agg.>" {
		t.Fatalf("%+v, %v", o, err)
	}
	for _, bad := range []map[string]string{{"nats.subject": "a"}, {"nats.stream": "S"}, {"nats.stream": "S", "nats.subject": "a.*"}, {"nats.stream": "S", "nats.subject": "a", "nats.sbject": "b"}} {
		if _, err := ParseSink(bad); !errors.Is(err, ErrOption) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// A row's data may choose its subject. One that a server does not take would hold up the output, and
// one that it takes for something else would do harm.
func TestRowSubjects(t *testing.T) {
	o, err := ParseSink(map[string]string{"nats.stream": "HUB", "nats.subject": "hub.rows", "nats.cursor-prefix": "hub"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"hub.dev7", "hub", "a.b.c", "hub.cursors.x", "hub.dev*", "hub.a>b", "$KV.b.k", "hub.häuser", "hub." + strings.Repeat("x", subjectMax-4)} {
		if err := o.TakesRow([]byte(s)); err != nil {
			t.Errorf("%.40q: %v", s, err)
		}
	}
	for _, s := range []string{"hub.dev 7", "hub.x\r\nPUB hub.y 0", "hub\ta", "hub.a\x00b", "hub.\x7f", "hub..x", ".hub", "hub.x.", ".", "hub.*", "*.x", "hub.>", ">",
		"hub.cursor.p.i.out", "hub.cursor.x", "$JS.API.STREAM.PURGE.HUB", "$SYS.REQ.SERVER.PING", "hub." + strings.Repeat("x", subjectMax-3)} {
		if o.TakesRow([]byte(s)) == nil {
			t.Errorf("%.40q is taken", s)
		}
	}
	good := []byte("hub.dev7.x")
	if n := testing.AllocsPerRun(10, func() { _ = o.TakesRow(good) }); n != 0 {
		t.Errorf("%v allocations for a row", n)
	}
	if _, err := ParseSink(map[string]string{"nats.stream": "HUB", "nats.subject": "HUB.cursor.rows"}); !errors.Is(err, ErrOption) {
		t.Errorf("rows among the cursors: %v", err)
	}
}
