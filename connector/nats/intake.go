package nats

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/edgeflow/edgeflow/dataflow"
)

// errAnew makes the source begin anew after the last message it has.
var errAnew = errors.New("begin anew")

// intake takes in what a transport delivers: it checks that nothing is missing, keeps the
// place in the stream, and hands messages to Poll in chunks. The transport's goroutine
// calls it, and the keeper between two deliveries.
type intake struct {
	s  *Source
	ev events
	// activity counts what the server has said to the subscription.
	activity atomic.Uint64

	mu sync.Mutex
	// sid is the subscription whose messages are taken; 0 for none.
	sid uint64
	place
	// consumerSeq of the last message of this consumer.
	consumerSeq uint64
	bound       uint64 // last sequence of a bounded source
	bounded     bool
	gapless     bool // every message of the stream comes, but for those that are gone
	createdNs   int64
	digest      xxhash.Digest
	last        *dataflow.Message // newest message, not yet hashed into the place
	// hole is what was passed and waits for the keeper to judge it, across incarnations.
	hole hole
	// got messages were taken since the last publish to Poll, into c.
	got      int
	gotBytes int64
	c        *chunk
}

// place is where a source is: after the message at, when hasAt.
type place struct {
	at    Position
	hasAt bool
}

// begin takes messages of the given incarnation from now on.
func (in *intake) begin(incarnation uint64, p place, createdNs int64, gapless bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.sid, in.place, in.consumerSeq, in.last = hotSID+incarnation, p, 0, nil
	in.createdNs, in.gapless = createdNs, gapless
}

// stop takes no more and returns the place.
func (in *intake) stop() place {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.publish()
	in.sid = 0
	return in.place
}

// reached returns the sequence of the newest message.
func (in *intake) reached() uint64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.at.reached()
}

// parse takes all whole frames out of c. Frames that are not the subscription's are
// appended to pass. It returns the chunk to go on in.
func (in *intake) parse(c *chunk, pass []byte) (*chunk, []byte, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	var f frame
	hot := false
	for {
		n, need, err := parseFrame(c.buf[c.r:c.w], &f)
		if err != nil {
			in.publish()
			return c, pass, err
		}
		if n == 0 {
			// A part of a frame is a sign of life as well: a slow link takes its time for a large one.
			if hot || c.w > c.r {
				in.activity.Add(1)
			}
			in.publish()
			return in.room(c, need), pass, nil
		}
		if f.kind != frameMsg || f.sid < hotSID {
			pass = append(pass, c.buf[c.r:c.r+n]...)
		} else if f.sid == in.sid {
			hot = true
			in.frame(c, &f)
		}
		c.r += n
	}
}

// take takes one message. It is handed to Poll, with those before, when it is the last that
// is there or they make a batch.
func (in *intake) take(c *chunk, f *frame, last bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if f.sid != in.sid {
		return
	}
	in.activity.Add(1)
	in.frame(c, f)
	if last || in.got >= clientBatch {
		in.publish()
	}
}

// frame takes one message of the subscription.
func (in *intake) frame(c *chunk, f *frame) {
	done, err := in.either(c, f)
	if done && err == nil {
		err = io.EOF
	}
	if err != nil {
		in.publish()
		in.sid = 0
		in.ev.ended(err)
	}
}

func (in *intake) either(c *chunk, f *frame) (done bool, err error) {
	if f.header != nil && len(f.data) == 0 {
		if st, ok := parseStatus(f.header); ok {
			return in.control(st, f.reply)
		}
	}
	return in.message(c, f)
}

// message takes one message of the stream. done tells that a bounded source has reached
// its end.
func (in *intake) message(c *chunk, f *frame) (done bool, err error) {
	a, ok := parseAckReply(f.reply)
	if !ok {
		return false, fmt.Errorf("%w: a message without its place in the stream (reply %q)", errProtocol, f.reply)
	}
	if a.consumerSeq != in.consumerSeq+1 {
		return false, fmt.Errorf("%w: consumer sequence %d follows %d", errAnew, a.consumerSeq, in.consumerSeq)
	}
	in.consumerSeq = a.consumerSeq
	if in.bounded && a.streamSeq > in.bound {
		return true, nil
	}
	in.pass(a.streamSeq)
	in.at = Position{Stream: in.s.stream, CreatedNs: in.createdNs, Sequence: a.streamSeq, StoredNs: a.storedNs}
	in.hasAt = true
	size := messageBytes + len(f.subject) + len(f.header) + len(f.data)
	c.msgs = append(c.msgs, dataflow.Message{Data: f.data, Seq: a.streamSeq, ArrivalMs: a.storedNs / int64(time.Millisecond), Subject: f.subject, Header: f.header})
	c.metas = append(c.metas, meta{storedNs: a.storedNs, pending: a.pending, size: size})
	in.last = &c.msgs[len(c.msgs)-1]
	in.c = c
	in.got++
	in.gotBytes += int64(size)
	return in.bounded && (a.pending == 0 || a.streamSeq == in.bound), nil
}

// control takes a status message of the consumer.
func (in *intake) control(st status, reply []byte) (done bool, err error) {
	s := in.s
	switch st.code {
	case 100:
		if len(reply) > 0 {
			in.flow(reply)
			return false, nil
		}
		return in.heartbeat(st)
	case 404, 408, 409:
		if st.left < 0 {
			return false, fmt.Errorf("%w: the server says: %d %s", errAnew, st.code, st.text)
		}
		in.publish()
		s.mu.Lock()
		s.asked = max(0, s.asked-st.left)
		// The server says so at the end of each request that the next message does not fit
		// in; one that got no message at all was for less than a single message.
		if st.text == "Message Size Exceeds MaxBytes" && st.left >= s.o.PullMessages {
			s.pull = fmt.Sprintf(`{"batch":%d,"expires":%d,"idle_heartbeat":%d}`, s.o.PullMessages, s.o.PullExpires, s.o.Heartbeat)
		}
		s.mu.Unlock()
		in.ev.wake() // to ask again
		return false, nil
	case 503:
		return false, fmt.Errorf("%w: the consumer is gone", errAnew)
	}
	return false, fmt.Errorf("%w: the server says: %d %s", errAnew, st.code, st.text)
}

// flow notes that the server wants to know when what it has sent so far was taken.
func (in *intake) flow(reply []byte) {
	in.publish()
	s := in.s
	s.mu.Lock()
	s.flow = string(reply)
	due := s.queuedBytes <= s.o.PullBytes
	s.mu.Unlock()
	if due {
		in.ev.wake() // to answer; otherwise Poll does, once there is room
	}
}

// heartbeat learns how far the server has looked. A filtered source with nothing to read
// moves its place on by it, so that a long quiet time does not look like a gap. To one that all
// messages are for, what the server passed are messages that are gone.
func (in *intake) heartbeat(st status) (done bool, err error) {
	if len(st.stalled) > 0 {
		in.flow(st.stalled) // the question or its answer was lost
	}
	if !st.hasLast {
		return false, nil
	}
	if st.lastConsumer > in.consumerSeq {
		return false, fmt.Errorf("%w: the server has delivered %d messages, %d came", errAnew, st.lastConsumer, in.consumerSeq)
	}
	if st.lastConsumer == in.consumerSeq {
		// The server waits for messages: whatever was behind is gone or delivered.
		in.publish()
		if len(st.stalled) == 0 {
			in.s.mu.Lock()
			in.s.behind = 0
			in.s.mu.Unlock()
		}
	}
	if st.lastConsumer == in.consumerSeq && st.lastStream > in.at.reached() && in.hasAt {
		in.pass(st.lastStream + 1)
		in.at.Passed = st.lastStream
		if !in.gapless {
			in.s.passed(in.at)
		}
	}
	return in.bounded && st.lastConsumer == in.consumerSeq && st.lastStream >= in.bound, nil
}

// publish hands what was taken to Poll.
func (in *intake) publish() {
	if in.got == 0 {
		return
	}
	c := in.c
	if in.last != nil {
		in.at.Hash = messageHash(&in.digest, in.at.StoredNs, in.last.Subject, in.last.Data)
	}
	s := in.s
	s.mu.Lock()
	if !c.queued {
		c.queued = true
		s.queue = append(s.queue, c)
	}
	c.seen, c.seenMetas = c.msgs, c.metas
	s.place = Position{}
	s.queuedMessages += in.got
	s.queuedBytes += in.gotBytes
	s.asked = max(0, s.asked-in.got)
	s.behind = c.metas[len(c.metas)-1].pending
	s.mu.Unlock()
	in.got, in.gotBytes = 0, 0
	s.signal()
}

// room returns the chunk to go on reading in: c, or another that begins with what c holds
// of a frame that does not fit. need is the frame's size, 0 when it is not known.
func (in *intake) room(c *chunk, need int) *chunk {
	rest := max(need-(c.w-c.r), 1)
	if len(c.buf)-c.w >= max(rest, min(rest+4096, 16<<10)) || c.r == 0 && rest <= len(c.buf)-c.w {
		return c
	}
	if need == 0 {
		need = 2 * (c.w - c.r)
	}
	next := in.fresh(need)
	next.w = copy(next.buf, c.buf[c.r:c.w])
	in.quit(c)
	return next
}

// roomFor returns a chunk for one more message whose bytes lie elsewhere.
func (in *intake) roomFor(c *chunk) *chunk {
	in.mu.Lock()
	defer in.mu.Unlock()
	if c != nil && len(c.msgs) < clientChunk {
		return c
	}
	if c != nil {
		in.publish()
		in.quit(c)
	}
	in.s.mu.Lock()
	defer in.s.mu.Unlock()
	return in.s.spare(0)
}

// fresh returns an empty chunk in which a frame of need bytes fits.
func (in *intake) fresh(need int) *chunk {
	in.s.mu.Lock()
	defer in.s.mu.Unlock()
	return in.s.spare(max(chunkBytes, need+4096))
}

// quit leaves a chunk: nothing more is written into it. Its messages have been published.
func (in *intake) quit(c *chunk) {
	s := in.s
	s.mu.Lock()
	defer s.mu.Unlock()
	c.done = true
	if !c.queued {
		s.recycle(c)
	} else if c.taken == len(c.seen) {
		s.retire(c) // Poll may still hold messages of its newest batch
	}
}
