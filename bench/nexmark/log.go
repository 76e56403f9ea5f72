package nexmark

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Log holds events as messages of a JSON object each, as a broker would deliver them.
type Log struct {
	data []byte
	// ends are where the messages end in data.
	ends    []int
	arrival []int64
}

// Len is the number of events.
func (l *Log) Len() int { return len(l.ends) }

// Bytes is the size of the messages together.
func (l *Log) Bytes() int { return len(l.data) }

// Message is the i-th message.
func (l *Log) Message(i int) []byte {
	from := 0
	if i > 0 {
		from = l.ends[i-1]
	}
	return l.data[from:l.ends[i]:l.ends[i]]
}

// Log makes the log of so many events: the columns of the table that the queries read, the
// kinds that an event is not being null.
func (s *Set) Log(events int64) (*Log, error) {
	ddl := s.DDL["ddl_gen"]
	from, to := strings.IndexByte(ddl, '('), strings.Index(ddl, "`dateTime` AS")
	if from < 0 || to < from {
		return nil, fmt.Errorf("the table's columns are not found in ddl_gen")
	}
	columns := strings.TrimRight(ddl[from+1:to], " \n,")
	text := s.parameters(ddl+"\nCREATE TABLE log ("+columns+") WITH ('connector' = 'blackhole');\n"+
		"INSERT INTO log SELECT event_type, person, auction, bid FROM datagen;", events)
	w := &logWriter{log: &Log{}}
	_, err := run("log", text, connectors{sink: w})
	return w.log, err
}

// logWriter encodes rows.
type logWriter struct {
	log *Log
	enc format.Encoder
}

// Print appends a message a row.
func (w *logWriter) Print(b *vec.Batch) (err error) {
	if w.enc == nil {
		var s format.Schema
		for i, name := range []string{"event_type", "person", "auction", "bid"} {
			s.Columns = append(s.Columns, format.Column{Name: name, Type: b.Cols[i].Type})
		}
		if w.enc, err = format.NewEncoder("json", s, format.Options{}); err != nil {
			return err
		}
	}
	for k := range b.Rows() {
		if w.log.data, err = w.enc.Append(w.log.data, b, b.Row(k)); err != nil {
			return err
		}
		w.log.ends = append(w.log.ends, len(w.log.data))
		w.log.arrival = append(w.log.arrival, b.ArrivalAt(b.Row(k)))
	}
	return nil
}

// Close does nothing.
func (w *logWriter) Close() error { return nil }

// RunLog runs a query over the events of a log, which are decoded on the way.
func (s *Set) RunLog(name string, l *Log, sink dataflow.Printer) (r Result, err error) {
	text, err := s.Script(name, int64(l.Len()))
	if err != nil {
		return r, err
	}
	from := strings.Index(text, ") WITH (\n    'connector' = 'nexmark'")
	if from < 0 {
		return r, fmt.Errorf("the options of the table are not found in ddl_gen")
	}
	to := from + strings.IndexByte(text[from:], ';')
	text = text[:from] + ") WITH ('connector' = 'values', 'format' = 'json')" + text[to:]
	return run(name, text, connectors{sink: sink, log: l})
}

// reader hands out the messages of a log.
type reader struct {
	log *Log
	at  int
}

// Open begins at the first message.
func (r *reader) Open(context.Context, []byte) (dataflow.OpenReport, error) {
	r.at = 0
	return dataflow.OpenReport{}, nil
}

// Poll hands out the next messages.
func (r *reader) Poll(dst []dataflow.Message, limit int, _ time.Duration) ([]dataflow.Message, uint64, error) {
	for ; len(dst) < limit && r.at < r.log.Len(); r.at++ {
		dst = append(dst, dataflow.Message{Data: r.log.Message(r.at), Seq: uint64(r.at + 1), ArrivalMs: r.log.arrival[r.at]})
	}
	if r.at == r.log.Len() {
		return dst, 0, io.EOF
	}
	return dst, uint64(r.log.Len() - r.at), nil
}

// Position is the message's sequence.
func (r *reader) Position(dst []byte, m *dataflow.Message) []byte {
	return binary.LittleEndian.AppendUint64(dst, m.Seq)
}

// Committed does nothing.
func (r *reader) Committed([]byte) {}

// Close does nothing.
func (r *reader) Close() error { return nil }
