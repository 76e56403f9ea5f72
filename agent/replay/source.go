package replay

import (
	"context"
	"encoding/binary"
	"io"
	"math"
	"time"

	"github.com/edgeflow/edgeflow/agent/capture"
	"github.com/edgeflow/edgeflow/dataflow"
)

// source hands out the messages of one source of a capture, at the pace of their arrival or
// as fast as they are taken.
type source struct {
	r      *capture.Reader
	number int // of the source in the capture
	pace   *pace
	open   bool // the end of the capture is not that of the source

	rec  capture.Record
	held bool // rec is a message that is not handed out yet
	end  bool
	buf  []byte
}

var _ dataflow.MessageSource = (*source)(nil)

// Open begins with the first message: a replay has no position.
func (s *source) Open(context.Context, []byte) (dataflow.OpenReport, error) {
	return dataflow.OpenReport{}, nil
}

// next has the next message of the source in hand, if there is one.
func (s *source) next() error {
	for !s.held && !s.end {
		switch err := s.r.Next(&s.rec); {
		case err == io.EOF:
			s.end = true
		case err != nil:
			return err
		default:
			s.held = s.rec.Source == s.number
		}
	}
	return nil
}

// Poll hands out messages that are due.
func (s *source) Poll(dst []dataflow.Message, limit int, wait time.Duration) ([]dataflow.Message, uint64, error) {
	s.buf = s.buf[:0]
	var ends []int // of subject, header and data of each message
	early := false
	from := len(dst)
	for len(dst)-from < limit {
		if err := s.next(); err != nil {
			return dst, 0, err
		}
		if !s.held {
			break
		}
		if len(dst) == from {
			s.pace.wait(s.rec.ArrivalMs, wait)
		}
		if !s.pace.due(s.rec.ArrivalMs) {
			early = true
			break
		}
		for _, b := range [][]byte{s.rec.Subject, s.rec.Header, s.rec.Data} {
			s.buf = append(s.buf, b...)
			ends = append(ends, len(s.buf))
		}
		dst = append(dst, dataflow.Message{Seq: s.rec.Seq, ArrivalMs: s.rec.ArrivalMs})
		s.held = false
	}
	at := 0
	part := func(end int) []byte {
		b := s.buf[at:end:end]
		at = end
		return b
	}
	for i := range dst[from:] {
		m := &dst[from+i]
		m.Subject, m.Header, m.Data = part(ends[3*i]), part(ends[3*i+1]), part(ends[3*i+2])
		if len(m.Header) == 0 {
			m.Header = nil
		}
	}
	switch {
	case s.end && !s.held && !s.open:
		return dst, 0, io.EOF
	case early || s.end && !s.held:
		return dst, 0, nil // what is not due does not hold other sources
	}
	return dst, 1, nil
}

// Position is the sequence.
func (s *source) Position(dst []byte, m *dataflow.Message) []byte {
	return binary.LittleEndian.AppendUint64(dst, m.Seq)
}

// Committed has no meaning for a replay.
func (s *source) Committed([]byte) {}

// Close closes the capture.
func (s *source) Close() error { return s.r.Close() }

// pace says when messages are due.
type pace struct {
	// speed is how many times as fast as they arrived; 0 is as fast as can be.
	speed float64
	now   func() time.Time
	sleep func(time.Duration)

	began   time.Time
	firstMs int64
}

// dueIn is how long a message is to be waited for; the first one that is asked for is due.
func (p *pace) dueIn(arrivalMs int64) time.Duration {
	if p.speed == 0 {
		return 0
	}
	if p.began.IsZero() {
		p.began, p.firstMs = p.now(), arrivalMs
	}
	at := float64(arrivalMs-p.firstMs) / p.speed * float64(time.Millisecond)
	return time.Duration(min(at, math.MaxInt64/2)) - p.now().Sub(p.began)
}

func (p *pace) due(arrivalMs int64) bool { return p.dueIn(arrivalMs) <= 0 }

func (p *pace) wait(arrivalMs int64, most time.Duration) {
	if d := min(p.dueIn(arrivalMs), most); d > 0 {
		p.sleep(d)
	}
}
