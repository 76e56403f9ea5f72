package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/connector/internal/with"
	"github.com/edgeflow/edgeflow/dataflow"
)

var _ dataflow.MessageSource = (*Source)(nil)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func appendTo(t *testing.T, dir, name, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func openSource(t *testing.T, o Options, position []byte) (*Source, dataflow.OpenReport) {
	t.Helper()
	s, err := NewSource(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r, err := s.Open(context.Background(), position)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

// read polls n messages at most (0: until there are none) and returns them with the
// position after the last one.
func read(t *testing.T, s *Source, n int) (msgs []string, position []byte, eof bool) {
	t.Helper()
	for n == 0 || len(msgs) < n {
		out, _, err := s.Poll(nil, 1, 0)
		for i := range out {
			msgs = append(msgs, string(out[i].Data))
			position = s.Position(position[:0], &out[i])
		}
		if eof = errors.Is(err, io.EOF); err != nil && !eof {
			t.Fatal(err)
		}
		if len(out) == 0 {
			break
		}
	}
	return msgs, position, eof
}

func TestDirectoryInOrder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "b.json", "{\"b\":1}\n{\"b\":2}")
	write(t, dir, "a.json", "{\"a\":1}\n")
	write(t, dir, "sub/c.json", "{\"c\":1}\n")
	write(t, dir, ".hidden", "no\n")
	write(t, dir, "_tmp/d.json", "no\n")
	write(t, dir, "empty.json", "")
	for _, c := range []struct {
		o    Options
		want []string
	}{
		{Options{Path: dir, Format: "json"}, []string{"{\"a\":1}\n", "{\"b\":1}\n{\"b\":2}", "{\"c\":1}\n"}},
		{Options{Path: filepath.Join(dir, "b.json"), Format: "json"}, []string{"{\"b\":1}\n{\"b\":2}"}},
		{Options{Path: dir, Format: "json", Pattern: `.*/[ac]\.json`}, []string{"{\"a\":1}\n", "{\"c\":1}\n"}},
		{Options{Path: dir, Format: "raw", Pattern: `.*/b\.json`}, []string{`{"b":1}`, `{"b":2}`}},
	} {
		s, _ := openSource(t, c.o, nil)
		got, _, eof := read(t, s, 0)
		if strings.Join(got, "|") != strings.Join(c.want, "|") || !eof {
			t.Errorf("%+v: %q, eof %v", c.o, got, eof)
		}
	}
}

func TestArrivalAndSequence(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a", "1\n2\n")
	write(t, dir, "b", "3\n4")
	at := time.UnixMilli(1577836800123)
	for _, name := range []string{"a", "b"} {
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := openSource(t, Options{Path: dir, Format: "csv"}, nil)
	out, pending, err := s.Poll(nil, 10, 0)
	if err != nil || len(out) != 1 || out[0].Seq != 1 || out[0].ArrivalMs != at.UnixMilli() || string(out[0].Subject) != "a" || pending != 1 {
		t.Fatalf("%+v, pending %d, %v", out, pending, err)
	}
	s, _ = openSource(t, Options{Path: dir, Format: "raw", StartMs: 1000}, nil)
	var seqs, arrivals []string
	for {
		out, _, err := s.Poll(nil, 10, 0)
		if err != nil {
			break
		}
		for _, m := range out {
			seqs, arrivals = append(seqs, fmt.Sprint(m.Seq)), append(arrivals, fmt.Sprint(m.ArrivalMs))
		}
	}
	if strings.Join(seqs, " ") != "1 2 3 4" || strings.Join(arrivals, " ") != "1000 1001 1002 1003" {
		t.Errorf("sequences %v, arrival times %v", seqs, arrivals)
	}
}

// TestResumeAnywhere restarts after every message.
func TestResumeAnywhere(t *testing.T) {
	dir := t.TempDir()
	var want strings.Builder
	for f := range 5 {
		var text strings.Builder
		for i := range 40 {
			fmt.Fprintf(&text, "%d,%s\n", f*100+i, strings.Repeat("x", i*f%50))
		}
		write(t, dir, fmt.Sprintf("f%d.csv", f), text.String())
		want.WriteString(text.String())
	}
	o := Options{Path: dir, Format: "csv", ChunkBytes: 100}
	var got strings.Builder
	var position []byte
	for rounds := 0; ; rounds++ {
		s, r := openSource(t, o, position)
		if r.Resumed != (rounds > 0) || r.Warning != "" {
			t.Fatalf("report %+v", r)
		}
		msgs, p, eof := read(t, s, 1)
		if eof {
			if rounds < 10 {
				t.Fatalf("only %d messages", rounds)
			}
			break
		}
		got.WriteString(strings.Join(msgs, ""))
		position = append([]byte(nil), p...)
	}
	if got.String() != want.String() {
		t.Errorf("read %d bytes in pieces, want %d", got.Len(), want.Len())
	}
}

func TestLongLinesAndHeader(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("y", 1000)
	body := long + ",1\n" + strings.Repeat("b,2\n", 1000) + "c,3"
	write(t, dir, "a.csv", "name,v\n"+body)
	write(t, dir, "b.csv", "v,name\n")
	write(t, dir, "c.csv", "v,name")
	o := Options{Path: dir, Format: "csv", Table: map[string]string{"csv.header": "true"}, ChunkBytes: 16}
	s, _ := openSource(t, o, nil)
	first, position, eof := read(t, s, 1)
	if len(first) != 1 || eof {
		t.Fatalf("%q", first)
	}
	s, _ = openSource(t, o, position)
	rest, _, eof := read(t, s, 0)
	if len(rest) < 2 || !eof {
		t.Errorf("%d messages, eof %v", len(rest), eof)
	}
	var got strings.Builder
	for _, msg := range append(first, rest...) {
		text, ok := strings.CutPrefix(msg, "name,v\n")
		if !ok {
			t.Errorf("no header in front of %.20q", msg)
		}
		got.WriteString(text)
	}
	if got.String() != body {
		t.Errorf("read %d bytes in %d messages, want %d", got.Len(), 1+len(rest), len(body))
	}
}

// clock is a settable time.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func TestMonitorFollowsFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.json", "1\n2\npart")
	c := &clock{now: time.UnixMilli(0)}
	o := Options{Path: dir, Format: "json", MonitorInterval: time.Second, Now: c.Now}
	s, _ := openSource(t, o, nil)
	step := func(want string) []byte {
		t.Helper()
		got, position, eof := read(t, s, 0)
		if strings.Join(got, "|") != want || eof {
			t.Fatalf("%q, eof %v, want %q", got, eof, want)
		}
		return append([]byte(nil), position...)
	}
	step("1\n2\n")
	appendTo(t, dir, "a.json", "ial\n3\n")
	write(t, dir, "b.json", "b\n")
	step("") // not before the interval has passed
	c.now = c.now.Add(time.Second)
	position := step("partial\n3\n|b\n")
	appendTo(t, dir, "a.json", "4\n")
	s, _ = openSource(t, o, position)
	step("4\n")
	if _, pending, err := s.Poll(nil, 1, time.Millisecond); pending != 0 || err != nil {
		t.Errorf("pending %d, %v", pending, err)
	}
}

func TestChangedFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.json", "1\n2\n")
	o := Options{Path: dir, Format: "json"}
	s, _ := openSource(t, o, nil)
	_, position, _ := read(t, s, 0)
	for _, text := range []string{"x\n2\n3\n", "1\n"} {
		write(t, dir, "a.json", text)
		s, err := NewSource(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Open(context.Background(), position); !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "a.json") {
			t.Errorf("%q in its place: %v", text, err)
		}
		again := o
		again.OnChanged = ChangedReread
		r, report := openSource(t, again, position)
		if got, _, _ := read(t, r, 0); strings.Join(got, "") != text || report.Warning == "" {
			t.Errorf("read anew: %q, report %+v", got, report)
		}
	}
	if err := os.Remove(filepath.Join(dir, "a.json")); err != nil {
		t.Fatal(err)
	}
	s, _ = openSource(t, o, position)
	if got, _, eof := read(t, s, 0); len(got) != 0 || !eof {
		t.Errorf("a removed file: %q", got)
	}
	for _, p := range [][]byte{{2}, {1}, {1, 0, 1, 5, 'a'}, append(append([]byte(nil), position...), 0)} {
		if _, _, _, err := decodePosition(p); err == nil {
			t.Errorf("position %x is taken", p)
		}
	}
}

func TestWrongOptions(t *testing.T) {
	for _, c := range []struct {
		table map[string]string
		want  string
	}{
		{map[string]string{"format": "json"}, "option 'path': missing"}, {map[string]string{"path": "/x"}, "option 'format': missing"},
		{map[string]string{"path": "/x", "format": "json", "source.monitor-intervall": "1 s"}, "did you mean 'source.monitor-interval'?"},
		{map[string]string{"path": "/x", "format": "json", "source.monitor-interval": "soon"}, "expected a duration"},
		{map[string]string{"path": "/x", "format": "json", "source.path.regex-pattern": "("}, "source.path.regex-pattern"},
		{map[string]string{"path": "/x", "format": "jsn"}, `did you mean "json"?`},
		{map[string]string{"path": "/x", "format": "json", "json.nonsense": "1"}, "unknown option 'json.nonsense'"},
		{map[string]string{"path": "/x", "format": "json", "edgeflow.on-gap": "maybe"}, "expected 'fail' or 'resume'"},
	} {
		if _, err := ParseOptions(c.table); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %s", c.table, err, c.want)
		}
	}
	o, err := ParseOptions(map[string]string{"path": "file:///tmp/x", "format": "csv", "csv.header": "true", "source.monitor-interval": "5 s", "edgeflow.on-gap": "resume"})
	if err != nil || o.Path != "/tmp/x" || o.MonitorInterval != 5*time.Second || o.OnChanged != ChangedReread {
		t.Errorf("%+v %v", o, err)
	}
	s, err := NewSource(Options{Path: filepath.Join(t.TempDir(), "none"), Format: "json"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(context.Background(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing path: %v", err)
	}
	if _, err := ParseOptions(map[string]string{"path": "/x"}); !errors.Is(err, with.ErrOption) {
		t.Errorf("%v", err)
	}
}

// TestPathOfOneFile names a link to a file, and what a source cannot read.
func TestPathOfOneFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "in/app-1.log", "1\n2\n")
	write(t, dir, "out.log", "3\n")
	in := filepath.Join(dir, "in")
	for name, to := range map[string]string{"current.log": "app-1.log", "out.log": "../out.log"} {
		if err := os.Symlink(to, filepath.Join(in, name)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
	}
	s, _ := openSource(t, Options{Path: filepath.Join(in, "current.log"), Format: "json"}, nil)
	if got, _, _ := read(t, s, 0); strings.Join(got, "") != "1\n2\n" {
		t.Errorf("a link: %q", got)
	}
	for path, want := range map[string]string{filepath.Join(in, "out.log"): "leads out of its folder", os.DevNull: "neither a file nor a folder"} {
		s, err := NewSource(Options{Path: path, Format: "json"})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Open(context.Background(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestRemovedBeforeItsTurn removes files that were found, read in part or not at all: the others
// are read, and one of the name that comes later.
func TestRemovedBeforeItsTurn(t *testing.T) {
	for _, monitor := range []time.Duration{0, time.Second} {
		dir, c := t.TempDir(), &clock{now: time.UnixMilli(0)}
		write(t, dir, "a.json", "1\n")
		write(t, dir, "c.json", "3\n")
		o := Options{Path: dir, Format: "json", MonitorInterval: monitor, Now: c.Now}
		s, _ := openSource(t, o, nil)
		_, position, _ := read(t, s, 1)
		appendTo(t, dir, "a.json", "2\n")
		write(t, dir, "b.json", "x\n")
		s, _ = openSource(t, o, position)
		for _, name := range []string{"a.json", "b.json"} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		if got, _, eof := read(t, s, 0); strings.Join(got, "") != "3\n" || eof != (monitor == 0) {
			t.Errorf("the others: %q, eof %v", got, eof)
		}
		if monitor == 0 {
			continue
		}
		write(t, dir, "b.json", "y\n")
		c.now = c.now.Add(time.Minute)
		if got, _, _ := read(t, s, 0); strings.Join(got, "") != "y\n" {
			t.Errorf("one of its name: %q", got)
		}
	}
}
