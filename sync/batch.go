package forward

import (
	"errors"
	"fmt"
)

// batcher reads rows of an output from the outbox and packs them into messages. Its
// buffers are reused; what it returns is valid until the next call.
type batcher struct {
	o      *OutputOptions
	reader FrameReader
	buf    []byte
	msgs   []Message
	spans  []int // of msgs in buf: begin of each
	rows   int   // of the last message
}

// filled is what fill found.
type filled struct {
	last    uint64 // sequence of the last row taken, or of the last refused one
	refused uint64
	bytes   int
	// more is set when rows stay behind.
	more bool
}

// fill packs rows after the given sequence, and up to the one given as upTo, into messages,
// within the limits. The store may already hold later rows: of a commit that the host has
// not yet told of.
func (b *batcher) fill(store Store, after, upTo uint64, lim Limits, messageBytes int) (filled, error) {
	b.buf, b.msgs, b.spans, b.rows = b.buf[:0], b.msgs[:0], b.spans[:0], 0
	f := filled{last: after}
	err := store.OutboxScan(b.o.Name, after, func(fr Frame) (bool, error) {
		if fr.First > f.last+1 {
			return false, fmt.Errorf("%w: row %d is followed by %d", ErrOutboxHole, f.last, fr.First)
		}
		n, err := b.reader.Open(fr.Data, fr.First)
		if err != nil {
			return false, fmt.Errorf("frame %d-%d: %w", fr.First, fr.Last, err)
		}
		if n != fr.Last-fr.First+1 {
			return false, fmt.Errorf("frame %d-%d: %w: it holds %d sequences", fr.First, fr.Last, ErrFrame, n)
		}
		for {
			e, ok, err := b.reader.Next()
			if err != nil {
				return false, fmt.Errorf("frame %d-%d: %w", fr.First, fr.Last, err)
			}
			if !ok {
				return true, nil
			}
			if e.Seq <= f.last {
				continue
			}
			if e.Seq > upTo {
				return false, nil
			}
			if e.Seq-f.last < e.Stands {
				return false, fmt.Errorf("%w: row %d stands for %d rows of which the hub has those up to %d", ErrMergedTwice, e.Seq, e.Stands, f.last)
			}
			taken, err := b.row(&f, e, lim, messageBytes)
			if err != nil || !taken {
				f.more = !taken
				return false, err
			}
		}
	})
	b.finish()
	return f, err
}

// row adds a row to the batch; false means that the batch is full.
func (b *batcher) row(f *filled, e Entry, lim Limits, messageBytes int) (bool, error) {
	if len(e.Payload) > lim.MessageBytes {
		why := &RowTooLargeError{Output: b.o.Name, Seq: e.Seq, Bytes: len(e.Payload), MaxBytes: lim.MessageBytes}
		if b.o.Refuse == nil {
			if len(b.msgs) > 0 {
				return false, nil // what stands before it goes first
			}
			return false, why
		}
		if err := b.o.Refuse(e, why); err != nil {
			if errors.Is(err, ErrNotYet) && len(b.msgs) > 0 {
				return false, nil // what stands before it goes first
			}
			return false, err
		}
		f.last = e.Seq
		f.refused += e.Stands
		b.rows = b.o.Pack // the message before it ends here
		return true, nil
	}
	if f.bytes > 0 && f.bytes+len(e.Payload) > lim.Bytes {
		return false, nil
	}
	if b.joins(e, messageBytes) {
		m := &b.msgs[len(b.msgs)-1]
		b.buf = append(append(b.buf, b.o.Separator...), e.Payload...)
		m.Last, m.WindowEndMs = e.Seq, e.WindowEnd
		m.Merged += merged(e)
		b.rows++
		f.bytes += len(b.o.Separator)
	} else {
		if len(b.msgs) >= lim.Messages {
			return false, nil
		}
		subject := b.o.Subject
		if len(e.Subject) > 0 {
			subject = string(e.Subject)
		}
		b.spans = append(b.spans, len(b.buf))
		b.msgs = append(b.msgs, Message{Subject: subject, First: e.Seq - e.Stands + 1, Last: e.Seq, Kind: e.Kind.String(), WindowEndMs: e.WindowEnd, Merged: merged(e)})
		b.buf = append(b.buf, e.Payload...)
		b.rows = 1
		f.bytes += lim.Overhead
	}
	f.bytes += len(e.Payload)
	f.last = e.Seq
	return true, nil
}

// joins tells whether the row goes into the message begun last.
func (b *batcher) joins(e Entry, messageBytes int) bool {
	if len(b.msgs) == 0 || b.rows >= b.o.Pack {
		return false
	}
	m := &b.msgs[len(b.msgs)-1]
	size := len(b.buf) - b.spans[len(b.spans)-1]
	if size+len(b.o.Separator)+len(e.Payload) > messageBytes || m.Kind != e.Kind.String() || (m.Merged > 0) != (e.Stands > 1) {
		return false
	}
	if len(e.Subject) == 0 {
		return m.Subject == b.o.Subject
	}
	return m.Subject == string(e.Subject)
}

// merged is how many rows a row stands for that was merged, 0 for one that was not.
func merged(e Entry) uint64 {
	if e.Stands > 1 {
		return e.Stands
	}
	return 0
}

// finish gives the messages their bytes, now that the buffer moves no more.
func (b *batcher) finish() {
	for i := range b.msgs {
		end := len(b.buf)
		if i+1 < len(b.spans) {
			end = b.spans[i+1]
		}
		b.msgs[i].Data = b.buf[b.spans[i]:end:end]
	}
}
