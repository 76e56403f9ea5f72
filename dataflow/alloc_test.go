package dataflow

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// loop is an endless log: the same messages over and over.
type loop struct {
	data    [][]byte
	subject []byte
	seq     uint64
	stepMs  int64 // of arrival time, a Poll
	arrival int64
}

func (s *loop) Open(context.Context, []byte) (OpenReport, error) { return OpenReport{}, nil }
func (s *loop) Poll(dst []Message, limit int, _ time.Duration) ([]Message, uint64, error) {
	s.arrival += s.stepMs
	for i := 0; i < limit && i < len(s.data); i++ {
		s.seq++
		dst = append(dst, Message{Data: s.data[i], Seq: s.seq, ArrivalMs: s.arrival, Subject: s.subject})
	}
	return dst, 1, nil
}
func (s *loop) Position(dst []byte, m *Message) []byte { return append(dst, byte(m.Seq)) }
func (s *loop) Committed([]byte)                       {}
func (s *loop) Close() error                           { return nil }

// counting takes rows and frames without keeping them.
type counting struct{ rows, all, size int }

func (c *counting) Append(payload, _ []byte, _ vec.RowKind, _ int64) {
	c.rows++
	c.all++
	c.size = (c.size + len(payload)) % (frameBytesMax - 1)
}
func (c *counting) Len() int                 { return c.size }
func (c *counting) Rows() int                { return c.rows }
func (c *counting) Seal(uint64) []byte       { c.rows = 0; return nil }
func (c *counting) Print(b *vec.Batch) error { c.all += b.Rows(); return nil }
func (c *counting) Close() error             { return nil }

// looping connects every source to loops, every sink to a counting.
type looping struct {
	data  [][]byte
	sinks []*counting
}

func (l *looping) Source(n *plan.Source, _ *expr.Env) (*SourceBinding, error) {
	return &SourceBinding{
		Messages: &loop{data: l.data, subject: []byte("a.b.c"), stepMs: 1, arrival: 1_700_000_000_000},
		Decoder: func(onBad func([]byte, int, error)) (format.Decoder, error) {
			return format.NewDecoder("json", DecoderSchema(n), format.Options{Table: n.Table.Options, OnBad: onBad})
		},
		Metadata: NewMetadataReader(n.Columns),
	}, nil
}

func (l *looping) Sink(n *plan.Sink, env *expr.Env) (*SinkBinding, error) {
	c := &counting{}
	l.sinks = append(l.sinks, c)
	if n.Table.Connector() == "print" {
		return &SinkBinding{Printer: c}, nil
	}
	b, err := (&rig{frames: map[string]*lines{}}).Sink(n, env)
	if err == nil {
		b.Frames = c
	}
	return b, err
}

func (l *looping) Diverted(string) (FrameWriter, error) { return &counting{}, nil }

// A step in steady state allocates nothing, whatever the number of events.
func TestAStepAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const tables = `
CREATE TABLE a (k STRING, ts TIMESTAMP(3), v BIGINT, d DOUBLE, subj STRING METADATA FROM 'subject', seq BIGINT METADATA FROM 'sequence', id STRING METADATA FROM 'header.Id',
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'x', 'format' = 'json');
CREATE TABLE p (k STRING NOT NULL, v BIGINT, x STRING) WITH ('connector' = '%s');
CREATE TABLE w (k STRING, c BIGINT, s BIGINT, m DOUBLE) WITH ('connector' = 'x');
CREATE TABLE u (k STRING, c BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'x');
`
	queries := map[string]string{
		"filter and project": "INSERT INTO p SELECT k, v + 1, 'x' FROM a WHERE v > 100;",
		"metadata":           "INSERT INTO p SELECT subj, seq, id FROM a;",
		"window":             "INSERT INTO w SELECT k, COUNT(*), SUM(v), AVG(d) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY k, window_start, window_end;",
		"upserts":            "INSERT INTO u SELECT k, COUNT(*) FROM a GROUP BY k;",
		"three inserts": `EXECUTE STATEMENT SET BEGIN INSERT INTO p SELECT k, v, k FROM a WHERE v < 500;
INSERT INTO w SELECT k, COUNT(*), SUM(v), AVG(d) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY k, window_start, window_end;
INSERT INTO u SELECT k, COUNT(*) FROM a GROUP BY k; END;`,
	}
	event := func(i int) string {
		return fmt.Sprintf(`{"k":"key %d","ts":"2023-11-14 22:13:%02d","v":%d,"d":%d.5,"more":"unused"}`, i%50, i%60, i, i)
	}
	var big strings.Builder
	var single [][]byte
	for i := range 1000 {
		big.WriteString(event(i))
		single = append(single, []byte(event(i)))
	}
	for shape, data := range map[string][][]byte{"1,000 events a message": {[]byte(big.String()), []byte(big.String()), []byte(big.String())}, "an event a message": single} {
		for name, query := range queries {
			for _, connector := range []string{"print", "x"} {
				c := &looping{data: data}
				arena, err := state.NewArena(state.Options{})
				if err != nil {
					t.Fatal(err)
				}
				e, err := New(Options{Plan: compile(t, fmt.Sprintf(tables, connector)+query), Connectors: c, Arena: arena})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := e.Open(context.Background()); err != nil {
					t.Fatal(err)
				}
				step := func() {
					if p, err := e.Step(0, 0); err != nil || p.Rows < 1000 {
						t.Fatal(p, err)
					}
				}
				for range 30 {
					step()
				}
				before := e.Events()
				if n := testing.AllocsPerRun(20, step); n != 0 {
					t.Errorf("%s, %s, to %s: %v allocations a step", name, shape, connector, n)
				}
				if e.Events()-before < 21_000 || name == "metadata" && c.sinks[0].all != int(e.Events()) {
					t.Errorf("%s: %d events, %d rows", name, e.Events()-before, c.sinks[0].all)
				}
			}
		}
	}
}
