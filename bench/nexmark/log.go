package nexmark

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
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

// Log makes the log of so many events.
func (s *Set) Log(events int64) (*Log, error) {
	l := &Log{}
	return l, s.Each(events, func(data []byte, arrivalMs int64) error {
		l.data = append(l.data, data...)
		l.ends = append(l.ends, len(l.data))
		l.arrival = append(l.arrival, arrivalMs)
		return nil
	})
}

// WriteFile writes so many events to a file, a JSON object a line.
func (s *Set) WriteFile(path string, events int64) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	err = s.Each(events, func(data []byte, _ int64) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
	return errors.Join(err, w.Flush())
}

// Each calls fn with so many events as JSON objects of the columns of the table that the
// queries read, the kinds that an event is not being null, and with when they arrive. data is
// valid during the call.
func (s *Set) Each(events int64, fn func(data []byte, arrivalMs int64) error) error {
	ddl := s.DDL["ddl_gen"]
	from, to := strings.IndexByte(ddl, '('), strings.Index(ddl, "`dateTime` AS")
	if from < 0 || to < from {
		return fmt.Errorf("the table's columns are not found in ddl_gen")
	}
	columns := strings.TrimRight(ddl[from+1:to], " \n,")
	text := s.parameters(ddl+"\nCREATE TABLE log ("+columns+") WITH ('connector' = 'blackhole');\n"+
		"INSERT INTO log SELECT event_type, person, auction, bid FROM datagen;", events)
	_, err := run(text, Job{Query: "log", Sink: &encoder{each: fn}})
	return err
}

// encoder encodes rows and hands them on.
type encoder struct {
	each func(data []byte, arrivalMs int64) error
	enc  format.Encoder
	data []byte
}

// Print encodes a batch.
func (w *encoder) Print(b *vec.Batch) (err error) {
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
		if w.data, err = w.enc.Append(w.data[:0], b, b.Row(k)); err != nil {
			return err
		}
		if err := w.each(w.data, b.ArrivalAt(b.Row(k))); err != nil {
			return err
		}
	}
	return nil
}

// Close does nothing.
func (w *encoder) Close() error { return nil }

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
