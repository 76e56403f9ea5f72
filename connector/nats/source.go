package nats

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/nats-io/nuid"

	"github.com/edgeflow/edgeflow/dataflow"
)

// Source reads one stream. Its methods are called from one goroutine, as
// dataflow.MessageSource asks; Status may be called from any.
type Source struct {
	o     SourceOptions
	id    string // of this source's inbox and consumers
	inbox string

	// The poller's own.
	digest xxhash.Digest
	timer  *time.Timer
	taken  []span
	origin Position // where Open began

	wake   chan struct{} // something changed for a waiting Poll
	cancel context.CancelFunc
	done   chan struct{} // the reader has ended

	mu     sync.Mutex
	queue  []*chunk // with messages that wait for Poll; the reader fills the last
	held   []*chunk // their messages were handed out by the newest Poll
	free   []*chunk
	err    error // why the source has ended; io.EOF at its bound
	closed bool
	st     Status
	live   transport // the connection that delivers, nil while none does
	pull   string    // a request's payload
	next   string    // the subject that requests go to
	deliv  string    // where messages go
	asked  int       // messages asked for and not yet delivered
	flow   string    // where the server waits for an answer to its flow control
	// queued is what lies in memory between reader and Poll.
	queuedMessages int
	gaps           []gap
	queuedBytes    int64
	behind         uint64 // messages waiting at the server, as last told
	createdNs      int64
	stream         string
	// place is where the source is, behind messages that are not for it, when it has read none since
	// it was told so.
	place Position
}

// span is a part of the messages of the newest Poll.
type span struct {
	msgs  []dataflow.Message
	metas []meta
}

var _ dataflow.MessageSource = (*Source)(nil)

// NewSource checks the options and makes a source that Open starts.
func NewSource(o SourceOptions) (*Source, error) {
	o.setDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	id := nuid.Next()
	st := Status{Delivery: o.Delivery}
	if o.Reader == WireReader && o.websocket() {
		o.Reader, st.Fallback = ClientReader, "frames of a websocket cannot be read off the wire"
	}
	st.Reader = o.Reader
	return &Source{o: o, st: st, id: id, inbox: "_INBOX." + id, wake: make(chan struct{}, 1), stream: o.Stream}, nil
}

// Open connects once, verifies the position and begins reading after it. The error is a
// *SourceError, or a *PositionError where the policy is to fail.
func (s *Source) Open(ctx context.Context, position []byte) (dataflow.OpenReport, error) {
	var report dataflow.OpenReport
	run, cancel := context.WithCancel(context.Background())
	k := &keeper{s: s, ctx: run, wait: patience{s.o.RequestTimeout, s.o.RequestTimeout}, woken: make(chan struct{}, 1)}
	k.in = &intake{s: s, ev: k}
	if position != nil {
		p, err := DecodePosition(position)
		if err != nil {
			cancel()
			return report, err
		}
		k.in.place = place{p, true}
	}
	stop := context.AfterFunc(ctx, cancel)
	t, err := dial(run, &s.o, k.in, k)
	if err == nil {
		k.t = t
		if report, err = k.setUp(true); err != nil {
			k.in.stop()
			t.close()
		}
	}
	if !stop() { // ctx has ended, and everything with it
		if err == nil {
			k.in.stop()
			t.close()
		}
		err = context.Cause(ctx)
	}
	if err != nil {
		cancel()
		return report, s.wrap(err)
	}
	s.cancel, s.done = cancel, make(chan struct{})
	go k.run()
	return report, nil
}

// Poll implements dataflow.MessageSource. While the connection is down, pending is at
// least 1: what waits at the server is not known.
func (s *Source) Poll(dst []dataflow.Message, limit int, wait time.Duration) ([]dataflow.Message, uint64, error) {
	s.mu.Lock()
	s.release()
	if s.queuedMessages == 0 && s.err == nil && !s.closed && wait > 0 {
		s.await(wait)
	}
	had := len(dst)
	dst = s.take(dst, limit)
	pending := s.behind + uint64(s.queuedMessages)
	if !s.st.Connected && s.err == nil && pending == 0 {
		pending = 1
	}
	err := s.err
	switch {
	case s.closed:
		err = ErrClosed
	case s.queuedMessages > 0:
		err = nil // what was read before the end is handed out first
	case errors.Is(err, io.EOF):
		pending = 0
	case len(dst) > had:
		err = nil
	}
	s.mu.Unlock()
	s.more()
	return dst, pending, err
}

// await waits, with the lock released, until the reader has something to say.
func (s *Source) await(wait time.Duration) {
	if s.timer == nil {
		s.timer = time.NewTimer(wait)
	} else {
		s.timer.Reset(wait)
	}
	for s.queuedMessages == 0 && s.err == nil && !s.closed {
		s.mu.Unlock()
		timeout := false
		select {
		case <-s.wake:
		case <-s.timer.C:
			timeout = true
		}
		s.mu.Lock()
		if timeout {
			return
		}
	}
	s.timer.Stop()
}

// release gives back the chunks whose messages the last Poll handed out.
func (s *Source) release() {
	s.taken = s.taken[:0]
	for _, c := range s.held {
		s.recycle(c)
	}
	s.held = s.held[:0]
}

// take appends at most limit queued messages to dst.
func (s *Source) take(dst []dataflow.Message, limit int) []dataflow.Message {
	n := 0
	for len(s.queue) > 0 && limit > 0 {
		c := s.queue[0]
		k := min(limit, len(c.seen)-c.taken)
		if k > 0 {
			part := span{c.seen[c.taken : c.taken+k], c.seenMetas[c.taken : c.taken+k]}
			dst = append(dst, part.msgs...)
			s.taken = append(s.taken, part)
			for i := range part.metas {
				s.queuedBytes -= int64(part.metas[i].size)
			}
			c.taken += k
			limit -= k
			n += k
		}
		if c.taken < len(c.seen) || !c.done && len(s.queue) == 1 {
			break
		}
		s.held = append(s.held, c)
		s.queue = s.queue[:copy(s.queue, s.queue[1:])]
	}
	s.queuedMessages -= n
	return dst
}

// more asks the server for more, as long as the memory between reader and Poll is not
// full. Pulling, it sends requests until what the server may send fills the window, two
// requests' worth of messages; pushed to, it answers the server's flow control.
func (s *Source) more() {
	for {
		s.mu.Lock()
		t, to, reply, payload := s.live, s.next, s.deliv, s.pull
		room := s.fits()
		if s.o.Delivery == Push {
			room = room && s.flow != ""
			to, reply, payload = s.flow, "", ""
		} else {
			room = room && s.asked <= s.o.PullMessages && s.queuedMessages <= s.o.PullMessages
		}
		if t == nil || !room || s.err != nil || s.closed {
			s.mu.Unlock()
			return
		}
		if s.o.Delivery == Push {
			s.flow = ""
		} else {
			s.asked += s.o.PullMessages
		}
		s.mu.Unlock()
		if t.publish(to, reply, payload) != nil {
			return // the connection is lost, and the keeper hears of it
		}
	}
}

// fits tells whether the memory between reader and Poll has room for more. s.mu is held.
func (s *Source) fits() bool { return s.queuedBytes <= s.o.PullBytes }

// room is fits for who does not hold s.mu.
func (s *Source) room() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fits()
}

// expects tells whether the server is to show signs of life: while a request waits there,
// or when it pushes.
func (s *Source) expects() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.o.Delivery == Push || s.asked > 0
}

// silence is how long the server may say nothing then.
func (s *Source) silence() time.Duration { return 2*s.o.Heartbeat + s.o.Heartbeat/2 }

// Position implements dataflow.MessageSource.
func (s *Source) Position(dst []byte, m *dataflow.Message) []byte {
	p := Position{Stream: s.stream, Sequence: m.Seq, StoredNs: m.ArrivalMs * int64(time.Millisecond)}
	for _, t := range s.taken {
		lo, hi := 0, len(t.msgs)
		for lo < hi {
			mid := int(uint(lo+hi) >> 1)
			if t.msgs[mid].Seq < m.Seq {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		if lo < len(t.msgs) && t.msgs[lo].Seq == m.Seq {
			p.StoredNs = t.metas[lo].storedNs
			p.Hash = messageHash(&s.digest, p.StoredNs, m.Subject, m.Data)
			break
		}
	}
	s.mu.Lock()
	p.CreatedNs = s.createdNs
	s.mu.Unlock()
	return p.Append(dst)
}

// passed notes a place behind messages that are not for the source.
func (s *Source) passed(at Position) {
	s.mu.Lock()
	s.place = at
	s.mu.Unlock()
}

// Advanced implements dataflow.Advancer: a source whose filter lets little through goes on after a
// restart behind what it has passed, which the stream may have dropped meanwhile.
func (s *Source) Advanced(dst []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.place.Stream == "" || s.queuedMessages > 0 {
		return dst
	}
	return s.place.Append(dst)
}

// Committed implements dataflow.MessageSource. The stream keeps its messages by its own
// limits, so there is nothing to tell it.
func (s *Source) Committed([]byte) {}

// Status tells how the connection is.
func (s *Source) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.st
}

// Close ends reading. Messages handed out stay valid until it returns.
func (s *Source) Close() error {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	s.mu.Unlock()
	if !already && s.cancel != nil {
		s.cancel()
		<-s.done
	}
	return nil
}

// gap is a number of messages found missing before a sequence.
type gap struct{ before, missing uint64 }

// lack notes messages found missing while running.
func (s *Source) lack(before, missing uint64) {
	if missing > 0 {
		s.mu.Lock()
		s.gaps = append(s.gaps, gap{before, missing})
		s.mu.Unlock()
	}
}

// Gap implements dataflow.Gapped.
func (s *Source) Gap(seq uint64) (missing uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.gaps) > 0 && s.gaps[0].before <= seq {
		missing += s.gaps[0].missing
		s.gaps = s.gaps[1:]
	}
	return missing
}

// signal wakes a waiting Poll.
func (s *Source) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// StartPosition implements dataflow.Starter: the place where Open began, so that a source
// that begins at the newest message and has read none yet goes on there after a restart.
// Nothing is appended where that place is not a sequence.
func (s *Source) StartPosition(dst []byte) []byte {
	if s.origin.Stream == "" {
		return dst
	}
	return s.origin.Append(dst)
}
