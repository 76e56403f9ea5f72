package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/edgeflow/edgeflow/connector/nats"
	"github.com/edgeflow/edgeflow/dataflow"
)

// readerJob is a program that only reads a stream.
type readerJob struct {
	URL    string `json:"url"`
	In     string `json:"in"`
	Events int    `json:"events"`
}

// readerProgram is what latencies are compared with: the filter without an engine. It reads
// the stream as the agent does and prints a row for each event that the filter lets
// through, as soon as it has it. It decodes nothing, has no state and takes no checkpoints;
// its rows are late by what publisher, server, connection and machine take.
func readerProgram(j readerJob) (r latencyReport, err error) {
	src, err := nats.NewSource(nats.SourceOptions{ConnOptions: nats.ConnOptions{URLs: []string{j.URL}}, Stream: j.In})
	if err != nil {
		return r, err
	}
	if _, err := src.Open(context.Background(), nil); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		close(ended)
	}()
	began := cpuTime()
	fmt.Println(readyLine)
	var msgs []dataflow.Message
	var out []byte
	for r.Events < int64(j.Events) {
		select {
		case <-ended:
			return r, fmt.Errorf("%d of %d events were read", r.Events, j.Events)
		default:
		}
		if msgs, _, err = src.Poll(msgs[:0], 4096, 20*time.Millisecond); err != nil {
			return r, err
		}
		out = out[:0]
		read := time.Now().UnixNano()
		for i := range msgs {
			if out, err = appendFailure(out, &msgs[i], read); err != nil {
				return r, err
			}
		}
		r.Events += int64(len(msgs))
		if len(out) > 0 {
			if _, err := os.Stdout.Write(out); err != nil {
				return r, err
			}
		}
	}
	r.CPUS = (cpuTime() - began).Seconds()
	<-ended
	return r, nil
}

// appendFailure appends the row of an event that the filter lets through, of others
// nothing: when the server stored it, in ms since 1970, its view, and when it was read,
// in ns since 1970.
func appendFailure(out []byte, m *dataflow.Message, readNs int64) ([]byte, error) {
	const key, failed = `{"view_id":"`, `,"error":"`
	event := m.Data
	if len(event) < len(key)+16 || string(event[:len(key)]) != key {
		return out, fmt.Errorf("an event without a view: %s", event)
	}
	if !bytes.Contains(event[len(event)/2:], []byte(failed)) {
		return out, nil
	}
	out = strconv.AppendInt(append(out, "+I["...), m.ArrivalMs, 10)
	out = append(append(out, ", "...), event[len(key):len(key)+16]...)
	out = strconv.AppendInt(append(out, ", "...), readNs, 10)
	return append(out, "]\n"...), nil
}

// phases are the parts of the latency of the reader's rows: from when the event was due
// until the server had stored it, from then until it was read, from then until its row was
// seen. The server's time is in whole milliseconds, so that up to one of the second part
// belongs to the first.
type phases struct{ stored, read, seen histogram }

// add takes in a row of the reader.
func (p *phases) add(row []byte, due int64, at time.Time) error {
	parts := bytes.Split(bytes.TrimSuffix(row, []byte("]\n")), []byte(", "))
	if len(parts) != 3 {
		return fmt.Errorf("the reader's row reads %q", row)
	}
	storedMs, err := strconv.ParseInt(string(bytes.TrimPrefix(parts[0], []byte("+I["))), 10, 64)
	if err != nil {
		return err
	}
	readNs, err := strconv.ParseInt(string(parts[2]), 10, 64)
	if err != nil {
		return err
	}
	storedNs := max(due, storedMs*int64(time.Millisecond))
	p.stored.add(time.Duration(storedNs - due))
	p.read.add(time.Duration(readNs - storedNs))
	p.seen.add(time.Duration(at.UnixNano() - readNs))
	return nil
}

// phaseReport is the 99.99th percentile of each part, ms.
type phaseReport struct {
	StoredMs float64 `json:"stored_ms"`
	ReadMs   float64 `json:"read_ms"`
	SeenMs   float64 `json:"seen_ms"`
}

// report sums the phases up; nil when there are none.
func (p *phases) report() *phaseReport {
	if p.seen.n == 0 {
		return nil
	}
	q := func(h *histogram) float64 { return milliseconds(h.quantile(0.9999)) }
	return &phaseReport{q(&p.stored), q(&p.read), q(&p.seen)}
}
