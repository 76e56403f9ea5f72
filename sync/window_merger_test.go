package forward_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/vec"
	forward "github.com/edgeflow/edgeflow/sync"
)

const mergerSQL = `
CREATE TABLE b (region STRING, ms INT, v DECIMAL(10,2), d DOUBLE, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
WITH ('connector'='nats','format'='json');
CREATE TABLE o (region STRING, ws TIMESTAMP(3), we TIMESTAMP(3), wt TIMESTAMP(3), n BIGINT, s INT, mn INT, mx DOUBLE, sv DECIMAL(38,2), site STRING)
WITH ('connector'='nats','format'='%s','edgeflow.outbox.compact'='1 min, 1 h');
INSERT INTO o SELECT region, window_start, window_end, window_time, COUNT(*), SUM(ms), MIN(ms), MAX(d), SUM(v), 'here'
FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY region, window_start, window_end, window_time;
`

// newMerger makes the merger of a plan's only sink, and its encoder and schema.
func newMerger(t *testing.T, name string) (*forward.WindowMerger, format.Encoder, format.Decoder, *vec.Batch) {
	t.Helper()
	script, err := sql.Parse("p.sql", fmt.Sprintf(mergerSQL, name))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Build(script, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := p.Sinks[0]
	var s format.Schema
	for _, c := range n.Base().Schema {
		s.Columns = append(s.Columns, format.Column{Name: c.Name, Type: c.Type})
	}
	m, err := forward.NewWindowMerger(n, name, s, n.Table.Options)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := format.NewEncoder(name, s, format.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dec, err := format.NewDecoder(name, s, format.Options{OnBad: func(_ []byte, _ int, err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	b := &vec.Batch{}
	for _, c := range s.Columns {
		b.Cols = append(b.Cols, vec.New(c.Type))
	}
	return m, enc, dec, b
}

// result is a row of o in microseconds, hundredths and so on; site is always 'here'.
type result struct {
	region string
	second int64
	width  int64 // of the window, seconds
	n, s   int64
	mn     int64
	mx     float64
	cents  int64
	noSum  bool
}

func (r result) fill(b *vec.Batch) {
	b.Reset()
	b.N = 1
	b.Cols[0].SetString(0, r.region)
	for i, at := range []int64{r.second * 1e6, (r.second + r.width) * 1e6, (r.second+r.width)*1e6 - 1000} {
		b.Cols[1+i].I64[0] = at
	}
	b.Cols[4].I64[0], b.Cols[5].I64[0], b.Cols[6].I64[0], b.Cols[7].F64[0] = r.n, r.s, r.mn, r.mx
	b.Cols[8].I64[0], b.Cols[8].Hi[0] = r.cents, r.cents>>63
	b.Cols[9].SetString(0, "here")
	if r.noSum {
		for _, c := range []int{5, 6, 7, 8} {
			b.Cols[c].SetNull(0)
		}
	}
}

func TestWindowMerger(t *testing.T) {
	const minute = 60
	in := []result{
		{"eu", 0, 1, 2, 10, 3, 1.5, 100, false},
		{"us", 0, 1, 1, 7, 7, 7, -250, false},
		{"eu", 1, 1, 5, -4, -9, 0.25, 1, false},
		{"eu", minute, 1, 1, 1, 1, 1, 1, false}, // alone in its minute
		{"us", 59, 1, 1, 0, 0, 0, 0, true},
		{"eu", 30, 2, 3, 100, 2, 9, 5, false},
		{"eu", 59, 2, 1, 1, 1, 1, 1, false}, // begins before its minute
	}
	want := []result{
		{"eu", 0, minute, 10, 106, -9, 9, 106, false},
		{"us", 0, minute, 2, 7, 7, 7, -250, false},
		in[3],
		in[6],
	}
	stands := []uint64{1 + 1 + 4, 2, 1, 1}
	for _, name := range []string{"json", "msgpack", "csv"} {
		m, enc, _, b := newMerger(t, name)
		encode := func(r result) []byte {
			r.fill(b)
			out, err := enc.Append(nil, b, 0)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		var rows []forward.Entry
		for i, r := range in {
			e := forward.Entry{Seq: uint64(i + 1), Stands: 1, Payload: encode(r), WindowEnd: (r.second + r.width) * 1000}
			if i == 5 {
				e.Stands = 4
			}
			rows = append(rows, e)
		}
		odd := []forward.Entry{
			{Stands: 1, Payload: []byte("\xc1{"), WindowEnd: 1},
			{Stands: 1, Payload: encode(in[0]), Kind: vec.UpdateAfter, WindowEnd: 1000},
			{Stands: 1, Payload: encode(in[0]), Subject: []byte("elsewhere"), WindowEnd: 1000},
		}
		for range 2 { // buffers are reused
			var got []string
			var sum, all uint64
			err := m.Merge(append(append([]forward.Entry(nil), rows...), odd...), time.Minute, func(e forward.Entry) {
				if i := len(got); i < len(want) && (e.Stands != stands[i] || e.WindowEnd != (want[i].second+want[i].width)*1000) {
					t.Errorf("%s: row %d stands for %d rows, window end %d", name, i, e.Stands, e.WindowEnd)
				}
				got = append(got, string(e.Payload))
				sum += e.Stands
			})
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, w := range want {
				lines = append(lines, string(encode(w)))
			}
			for _, e := range odd {
				lines = append(lines, string(e.Payload))
			}
			for _, e := range append(append([]forward.Entry(nil), rows...), odd...) {
				all += e.Stands
			}
			if strings.Join(got, "\n") != strings.Join(lines, "\n") || sum != all {
				t.Errorf("%s: %d of %d rows\n%s\nwant\n%s", name, sum, all, strings.Join(got, "\n"), strings.Join(lines, "\n"))
			}
		}
	}
}

// TestWindowMergerOfManyGroups has more groups than a batch has rows, and merges what was
// merged before.
func TestWindowMergerOfManyGroups(t *testing.T) {
	m, enc, dec, b := newMerger(t, "msgpack")
	var rows []forward.Entry
	const regions, seconds = 1500, 120
	for s := range int64(seconds) {
		for r := range regions {
			result{fmt.Sprint("r", r), s, 1, 1, int64(r), s, float64(s), 1, false}.fill(b)
			p, err := enc.Append(nil, b, 0)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, forward.Entry{Stands: 1, Payload: p, WindowEnd: (s + 1) * 1000})
		}
	}
	for _, w := range []time.Duration{time.Minute, time.Hour} {
		var merged []forward.Entry
		err := m.Merge(rows, w, func(e forward.Entry) {
			e.Payload = append([]byte(nil), e.Payload...)
			merged = append(merged, e)
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := regions * max(1, seconds/int(w.Seconds())); len(merged) != want {
			t.Fatalf("%s: %d rows, want %d", w, len(merged), want)
		}
		rows = merged
	}
	for i, e := range rows {
		b.Reset()
		dec.Decode(e.Payload, b)
		if e.Stands != seconds || b.Cols[4].I64[0] != seconds || b.Cols[5].I64[0] != int64(i)*seconds || b.Cols[6].I64[0] != 0 || b.Cols[7].F64[0] != seconds-1 || string(b.Cols[0].Bytes(0)) != fmt.Sprint("r", i) {
			t.Fatalf("row %d: %+v of %s", i, e, b.Cols[0].Bytes(0))
		}
	}
}
