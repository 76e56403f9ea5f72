package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/edgeflow/edgeflow/dataflow"
)

// errAnew makes the reader connect anew and go on after the last message it has.
var errAnew = errors.New("begin anew")

// errGone is an end of the connection from the other side.
var errGone = errors.New("the server closed the connection")

// readerLoop is the source's reader: it owns the connection, keeps it alive, fills chunks
// and begins anew after the last message when anything is wrong.
type readerLoop struct {
	s *Source
	w *wire
	c *chunk // being filled; the last of the queue

	// at is the place after the last message read, hasAt tells that there is one.
	at    Position
	hasAt bool
	// consumerSeq of the last message of this consumer.
	consumerSeq uint64
	incarnation int
	bound       uint64 // last sequence of a bounded source
	bounded     bool
	digest      xxhash.Digest
	last        *dataflow.Message // newest message read, in c
	// jump is a hole in the stream's sequence waiting for the stream's state.
	jumpFrom, jumpTo uint64
	jumpAsked        bool
	compacted        bool
	createdNs        int64
	got              int // messages read since the last publish to Poll
	gotBytes         int64
}

// run reads until the source ends, connecting anew whenever it must.
func (rd *readerLoop) run(ctx context.Context) {
	defer close(rd.s.done)
	backoff := backoffMin
	for {
		before := rd.at.Sequence
		err := rd.read()
		rd.w.close()
		if rd.at.Sequence != before {
			backoff = backoffMin
		}
		for !rd.end(ctx, err) {
			t := time.NewTimer(backoff)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
			}
			backoff = min(2*backoff, rd.s.o.BackoffMax)
			if err = rd.connect(ctx); err == nil {
				break
			}
		}
		if err != nil {
			return
		}
	}
}

// backoffMin is the wait before the first attempt to connect anew.
const backoffMin = 50 * time.Millisecond

// connect makes another connection and consumer, after the last message read.
func (rd *readerLoop) connect(ctx context.Context) error {
	s := rd.s
	w, err := dialWire(ctx, &s.o.ConnOptions)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, w.close)
	report, err := rd.setUp(w, false)
	if err != nil {
		stop()
		w.close()
		return err
	}
	rd.warn(report)
	s.mu.Lock()
	s.st.Reconnects++
	s.mu.Unlock()
	return nil
}

// warn tells of a gap that the policy allows and that was found while running.
func (rd *readerLoop) warn(r dataflow.OpenReport) {
	s := rd.s
	if r.Warning == "" || s.o.OnGapFound == nil {
		return
	}
	s.o.OnGapFound(r)
}

// end notes why reading stopped and tells whether that is for good.
func (rd *readerLoop) end(ctx context.Context, err error) bool {
	s := rd.s
	final := ctx.Err() != nil || errors.Is(err, io.EOF) || permanent(err)
	s.mu.Lock()
	s.wire = nil
	s.st.Connected = false
	s.st.Err = err
	if final && s.err == nil {
		switch {
		case ctx.Err() != nil:
			s.err = ErrClosed
		case errors.Is(err, io.EOF):
			s.err = io.EOF
		default:
			s.err = rd.wrap(err)
		}
		s.st.Err = s.err
	}
	st := s.st
	s.mu.Unlock()
	s.signal()
	if s.o.OnStatus != nil {
		s.o.OnStatus(st)
	}
	return final
}

// read fills chunks from the connection until something ends it.
func (rd *readerLoop) read() error {
	rd.leave(rd.w.buf[rd.w.r:rd.w.w], 0)
	rd.w.buf = nil
	if done, err := rd.parse(); err != nil || done {
		return rd.finish(err)
	}
	for {
		if done, err := rd.readOnce(); err != nil || done {
			return rd.finish(err)
		}
	}
}

// readOnce takes in what one read of the connection yields.
func (rd *readerLoop) readOnce() (done bool, err error) {
	rd.deadline()
	n, err := rd.w.conn.Read(rd.c.buf[rd.c.w:])
	rd.c.w += n
	if n > 0 {
		if done, err := rd.parse(); err != nil || done {
			return done, err
		}
	}
	if errors.Is(err, io.EOF) {
		err = errGone // io.EOF is the word for a bounded source's end
	}
	return false, err
}

// deadline bounds the next read while requests wait at the server, which then shows that
// it is alive. Without requests its silence means nothing.
func (rd *readerLoop) deadline() {
	s := rd.s
	s.mu.Lock()
	defer s.mu.Unlock()
	var t time.Time
	if s.asked > 0 {
		t = time.Now().Add(s.silence())
	}
	_ = rd.w.conn.SetReadDeadline(t)
}

// finish publishes what was read; an end without an error is the bound.
func (rd *readerLoop) finish(err error) error {
	rd.publish()
	if err == nil {
		return io.EOF
	}
	return err
}

// leave publishes the current chunk and goes on in another, which begins with tail; need
// is the size of the frame that tail begins, when that is known.
func (rd *readerLoop) leave(tail []byte, need int) {
	s := rd.s
	rd.publish()
	s.mu.Lock()
	defer s.mu.Unlock()
	size := max(chunkBytes, need+4096)
	var c *chunk
	if n := len(s.free); n > 0 && size <= cap(s.free[n-1].buf) {
		c, s.free = s.free[n-1], s.free[:n-1]
	} else {
		c = &chunk{buf: make([]byte, size)}
	}
	c.w = copy(c.buf, tail)
	if old := rd.c; old != nil {
		old.done = true
		if old.taken == len(old.seen) {
			// Poll has nothing left in it; it may still hold messages of its newest batch.
			s.retire(old)
		}
	}
	rd.c = c
	rd.last = nil
	s.queue = append(s.queue, c)
}

// retire takes an emptied chunk out of the queue; the next Poll frees it.
func (s *Source) retire(old *chunk) {
	for i, c := range s.queue {
		if c == old {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			s.held = append(s.held, old)
			return
		}
	}
}

// publish hands what was parsed to Poll.
func (rd *readerLoop) publish() {
	if rd.got == 0 {
		return
	}
	if rd.last != nil {
		rd.at.Hash = messageHash(&rd.digest, rd.at.StoredNs, rd.last.Subject, rd.last.Data)
	}
	s := rd.s
	s.mu.Lock()
	rd.c.seen, rd.c.seenMetas = rd.c.msgs, rd.c.metas
	s.queuedMessages += rd.got
	s.queuedBytes += rd.gotBytes
	s.asked = max(0, s.asked-rd.got)
	s.behind = rd.c.metas[len(rd.c.metas)-1].pending
	s.mu.Unlock()
	rd.got, rd.gotBytes = 0, 0
	s.signal()
}

// parse takes all whole frames out of the current chunk. done tells that a bounded source
// has reached its end.
func (rd *readerLoop) parse() (done bool, err error) {
	var f frame
	for {
		c := rd.c
		n, need, err := parseFrame(c.buf[c.r:c.w], &f)
		if err != nil {
			return false, err
		}
		if n == 0 {
			rest := max(need-(c.w-c.r), 1)
			if len(c.buf)-c.w < max(rest, min(rest+4096, 16<<10)) && (c.r > 0 || rest > len(c.buf)-c.w) {
				if need == 0 {
					need = 2 * (c.w - c.r)
				}
				rd.leave(c.buf[c.r:c.w], need)
			}
			rd.publish()
			return false, nil
		}
		c.r += n
		if done, err = rd.frame(&f); done || err != nil {
			return done, err
		}
	}
}

func (rd *readerLoop) frame(f *frame) (done bool, err error) {
	switch f.kind {
	case framePing:
		return false, rd.w.send("PONG\r\n")
	case frameErr:
		return false, serverError(f.detail)
	case frameMsg:
		if f.sid == apiSID {
			return false, rd.streamState(f.data)
		}
		if f.sid != dataSID {
			return false, nil
		}
		if f.header != nil && len(f.data) == 0 {
			if st, ok := parseStatus(f.header); ok {
				return rd.control(st)
			}
		}
		return rd.message(f)
	}
	return false, nil
}

// message takes one message of the stream.
func (rd *readerLoop) message(f *frame) (done bool, err error) {
	a, ok := parseAckReply(f.reply)
	if !ok {
		return false, fmt.Errorf("%w: a message without its place in the stream (reply %q)", errProtocol, f.reply)
	}
	if a.consumerSeq != rd.consumerSeq+1 {
		return false, fmt.Errorf("%w: consumer sequence %d follows %d", errAnew, a.consumerSeq, rd.consumerSeq)
	}
	rd.consumerSeq = a.consumerSeq
	if rd.bounded && a.streamSeq > rd.bound {
		return true, nil
	}
	if rd.hasAt && a.streamSeq > rd.at.Sequence+1 && len(rd.s.o.Subjects) == 0 && !rd.compacted {
		if err := rd.askState(a.streamSeq); err != nil {
			return false, err
		}
	}
	rd.at = Position{Stream: rd.s.stream, CreatedNs: rd.createdNs, Sequence: a.streamSeq, StoredNs: a.storedNs}
	rd.hasAt = true
	size := len(f.header) + len(f.data)
	c := rd.c
	c.msgs = append(c.msgs, dataflow.Message{Data: f.data, Seq: a.streamSeq, ArrivalMs: a.storedNs / int64(time.Millisecond), Subject: f.subject, Header: f.header})
	c.metas = append(c.metas, meta{storedNs: a.storedNs, pending: a.pending, size: size})
	rd.last = &c.msgs[len(c.msgs)-1]
	rd.got++
	rd.gotBytes += int64(size)
	return rd.bounded && (a.pending == 0 || a.streamSeq == rd.bound), nil
}

// control takes a status message of the consumer.
func (rd *readerLoop) control(st status) (done bool, err error) {
	s := rd.s
	switch st.code {
	case 100:
		return rd.heartbeat(st), nil
	case 404, 408, 409:
		if st.left < 0 {
			return false, fmt.Errorf("%w: the server says: %d %s", errAnew, st.code, st.text)
		}
		rd.publish()
		s.mu.Lock()
		s.asked = max(0, s.asked-st.left)
		if st.text == "Message Size Exceeds MaxBytes" {
			s.pull = fmt.Sprintf(`{"batch":%d,"expires":%d,"idle_heartbeat":%d}`, s.o.PullMessages, s.o.PullExpires, s.o.Heartbeat)
		}
		s.mu.Unlock()
		s.ask()
		return false, nil
	case 503:
		return false, fmt.Errorf("%w: the consumer is gone", errAnew)
	}
	return false, fmt.Errorf("%w: the server says: %d %s", errAnew, st.code, st.text)
}

// heartbeat learns how far the server has looked. A filtered source with nothing to read
// moves its place on by it, so that a long quiet time does not look like a gap.
func (rd *readerLoop) heartbeat(st status) (done bool) {
	if !st.hasLast {
		return false
	}
	if st.lastConsumer == rd.consumerSeq {
		// A request waits and nothing came: whatever was behind is gone or delivered.
		rd.publish()
		rd.s.mu.Lock()
		rd.s.behind = 0
		rd.s.mu.Unlock()
	}
	if st.lastConsumer == rd.consumerSeq && st.lastStream > rd.at.Sequence && rd.hasAt {
		rd.at = Position{Stream: rd.at.Stream, CreatedNs: rd.at.CreatedNs, Sequence: st.lastStream}
		rd.last = nil
	}
	return rd.bounded && st.lastConsumer == rd.consumerSeq && st.lastStream >= rd.bound
}

// askState asks where the stream begins, because a message did not follow the one before.
func (rd *readerLoop) askState(seq uint64) error {
	if rd.jumpAsked {
		return nil
	}
	rd.jumpFrom, rd.jumpTo, rd.jumpAsked = rd.at.Sequence, seq, true
	return rd.w.publish(rd.s.o.APIPrefix()+"STREAM.INFO."+rd.s.o.Stream, rd.s.inbox+".api.jump", "")
}

// streamState decides on a jump: messages that the stream has dropped at its beginning
// before we read them are lost; messages deleted in its middle are not.
func (rd *readerLoop) streamState(data []byte) error {
	if !rd.jumpAsked {
		return nil
	}
	rd.jumpAsked = false
	var info streamInfo
	if err := json.Unmarshal(data, &info); err != nil || info.Error != nil {
		return nil // a stream that is gone shows at the next request
	}
	st := info.stateOf()
	st.First = min(st.First, rd.jumpTo)
	p := Position{Stream: st.Name, CreatedNs: st.CreatedNs, Sequence: rd.jumpFrom}
	v := verify(p, st, StoredMessage{})
	if v.Kind == Continues {
		return nil
	}
	pe := explain(v, p, st)
	if rd.s.o.OnGap == GapFail {
		return pe
	}
	rd.warn(dataflow.OpenReport{Resumed: true, Gap: v.Missing, Warning: pe.Error()})
	return nil
}
