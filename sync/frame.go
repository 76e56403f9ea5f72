package forward

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/klauspost/compress/s2"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// The encoding of a frame, version 1, little-endian:
//
//	1  version
//	1  flags: bit 0 the body is an s2 block, bit 1 rows of it are merged ones
//	4  CRC-32C of all that follows
//	n  body: uvarint rows [if bit 1: uvarint sequences], then for each row
//	     1  bits 0-1 kind, bit 2 own subject follows, bit 3 subject of the row before,
//	        bit 4 window end follows, bit 5 window end of the row before, bit 6 merged
//	     [uvarint length, subject] [svarint window end, ms since the row before]
//	     [uvarint sequences that the row stands for] uvarint length, payload
//
// A row stands for one sequence; a merged one (compaction.go) for those of all the rows that
// were merged into it, so that the sequences of an outbox never have a hole.
const (
	frameVersion    = 1
	frameHeader     = 6
	flagCompressed  = 1
	flagMerged      = 2
	rowKind         = 3
	rowSubject      = 4
	rowSameSubject  = 8
	rowWindow       = 16
	rowSameWindow   = 32
	rowMerged       = 64
	compressFrom    = 1024
	frameRowsMax    = 1 << 24
	frameBytesLimit = 1 << 30
)

// ErrFrame is returned for a frame that cannot be decoded.
var ErrFrame = errors.New("outbox frame is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Entry is one row of committed output, encoded in its sink's format. Its bytes are valid
// until the reader it came from is opened again.
type Entry struct {
	Seq uint64
	// Stands is how many sequences, up to Seq, the row stands for: 1, and more for a merged
	// one.
	Stands  uint64
	Payload []byte
	Kind    vec.RowKind
	// WindowEnd is the end of the row's window, in ms since 1970; 0 when it has none.
	WindowEnd int64
	// Subject overrides the sink's subject; empty for most.
	Subject []byte
}

// FrameBuilder encodes the rows of an outbox frame; it is the engine's FrameWriter. The zero
// value is ready. Appending allocates nothing once its buffer has grown.
type FrameBuilder struct {
	body    []byte
	rows    int
	subject []byte
	window  int64
	packed  []byte
	merged  bool   // a row stands for several
	stands  uint64 // sequences so far
}

// Append adds a row: payload in the sink's format, subject that overrides the sink's or
// empty, windowEndMs or 0. All is copied.
func (b *FrameBuilder) Append(payload, subject []byte, kind vec.RowKind, windowEndMs int64) {
	b.add(payload, subject, kind, windowEndMs, 1)
}

// AppendEntry adds a row that may stand for several sequences; e.Seq is not part of the
// encoding.
func (b *FrameBuilder) AppendEntry(e Entry) {
	b.add(e.Payload, e.Subject, e.Kind, e.WindowEnd, e.Stands)
}

func (b *FrameBuilder) add(payload, subject []byte, kind vec.RowKind, windowEndMs int64, stands uint64) {
	flags := byte(kind) & rowKind
	if stands > 1 {
		flags |= rowMerged
		b.merged = true
	}
	b.stands += stands
	switch {
	case len(subject) == 0:
	case b.rows > 0 && string(subject) == string(b.subject):
		flags |= rowSameSubject
	default:
		flags |= rowSubject
	}
	switch {
	case windowEndMs == 0:
	case windowEndMs == b.window:
		flags |= rowSameWindow
	default:
		flags |= rowWindow
	}
	b.body = append(b.body, flags)
	if flags&rowSubject != 0 {
		b.body = binary.AppendUvarint(b.body, uint64(len(subject)))
		b.body = append(b.body, subject...)
		b.subject = append(b.subject[:0], subject...)
	}
	if flags&rowWindow != 0 {
		b.body = binary.AppendVarint(b.body, windowEndMs-b.window)
		b.window = windowEndMs
	}
	if flags&rowMerged != 0 {
		b.body = binary.AppendUvarint(b.body, stands)
	}
	b.body = binary.AppendUvarint(b.body, uint64(len(payload)))
	b.body = append(b.body, payload...)
	b.rows++
}

// Len is the size of the rows so far, in bytes, uncompressed.
func (b *FrameBuilder) Len() int { return len(b.body) }

// Rows is the number of rows so far.
func (b *FrameBuilder) Rows() int { return b.rows }

// Seal returns the frame, whose bytes are the caller's, and begins another. A body of 1 KiB
// and more is compressed where that saves an eighth. first is not part of the encoding: the
// store keeps it beside the frame.
func (b *FrameBuilder) Seal(uint64) []byte {
	var count [2 * binary.MaxVarintLen64]byte
	head := binary.AppendUvarint(count[:0], uint64(b.rows))
	flags, body := byte(0), b.body
	if b.merged {
		flags, head = flagMerged, binary.AppendUvarint(head, b.stands)
	}
	if len(body) >= compressFrom {
		if n := s2.MaxEncodedLen(len(body)); cap(b.packed) < n {
			b.packed = make([]byte, n)
		}
		if p := s2.Encode(b.packed[:cap(b.packed)], body); len(p) < len(body)-len(body)/8 {
			flags, body = flags|flagCompressed, p
		}
	}
	out := make([]byte, frameHeader, frameHeader+len(head)+len(body))
	out[0], out[1] = frameVersion, flags
	out = append(append(out, head...), body...)
	binary.LittleEndian.PutUint32(out[2:], crc32.Checksum(out[frameHeader:], castagnoli))
	b.body, b.rows, b.subject, b.window = b.body[:0], 0, b.subject[:0], 0
	b.merged, b.stands = false, 0
	return out
}

// FrameReader walks over the rows of a frame. It is reused from frame to frame.
type FrameReader struct {
	body    []byte
	left    int    // rows
	stands  uint64 // sequences that they stand for
	next    uint64
	subject []byte
	window  int64
	plain   []byte
}

// Open begins a frame whose first sequence is given and returns how many sequences its rows
// stand for. The rows refer to data and to the reader's buffer.
func (r *FrameReader) Open(data []byte, first uint64) (sequences uint64, err error) {
	if len(data) < frameHeader+1 {
		return 0, fmt.Errorf("%w: %d bytes", ErrFrame, len(data))
	}
	if data[0] != frameVersion {
		return 0, fmt.Errorf("%w: version %d, this program knows %d", ErrFrame, data[0], frameVersion)
	}
	if data[1]&^(flagCompressed|flagMerged) != 0 {
		return 0, fmt.Errorf("%w: flags %#x", ErrFrame, data[1])
	}
	if crc32.Checksum(data[frameHeader:], castagnoli) != binary.LittleEndian.Uint32(data[2:]) {
		return 0, fmt.Errorf("%w: checksum", ErrFrame)
	}
	n, k := binary.Uvarint(data[frameHeader:])
	if k <= 0 || n > frameRowsMax {
		return 0, fmt.Errorf("%w: row count", ErrFrame)
	}
	r.body, r.stands = data[frameHeader+k:], n
	if data[1]&flagMerged != 0 {
		if r.stands, k = binary.Uvarint(r.body); k <= 0 || r.stands < n || r.stands > math.MaxInt64 {
			return 0, fmt.Errorf("%w: sequence count", ErrFrame)
		}
		r.body = r.body[k:]
	}
	if data[1]&flagCompressed != 0 {
		size, err := s2.DecodedLen(r.body)
		if err != nil || size > frameBytesLimit {
			return 0, fmt.Errorf("%w: compressed body", ErrFrame)
		}
		if cap(r.plain) < size {
			r.plain = make([]byte, size)
		}
		if r.plain, err = s2.Decode(r.plain[:cap(r.plain)], r.body); err != nil {
			return 0, fmt.Errorf("%w: %v", ErrFrame, err)
		}
		r.body = r.plain
	}
	r.left, r.next, r.subject, r.window = int(n), first, nil, 0
	return r.stands, nil
}

// Rows is how many rows are left in the frame.
func (r *FrameReader) Rows() int { return r.left }

// Next returns the next row; ok is false at the end of the frame.
func (r *FrameReader) Next() (e Entry, ok bool, err error) {
	if r.left == 0 {
		if len(r.body) != 0 || r.stands != 0 {
			return e, false, fmt.Errorf("%w: bytes or sequences after its last row", ErrFrame)
		}
		return e, false, nil
	}
	if len(r.body) == 0 {
		return e, false, fmt.Errorf("%w: %d rows are missing", ErrFrame, r.left)
	}
	flags := r.body[0]
	r.body = r.body[1:]
	if flags&^(rowKind|rowSubject|rowSameSubject|rowWindow|rowSameWindow|rowMerged) != 0 {
		return e, false, fmt.Errorf("%w: row flags %#x", ErrFrame, flags)
	}
	if flags&rowSubject != 0 {
		if r.subject, ok = r.bytes(); !ok {
			return e, false, fmt.Errorf("%w: subject", ErrFrame)
		}
	}
	if flags&rowWindow != 0 {
		d, k := binary.Varint(r.body)
		if k <= 0 || (d > 0 && r.window > math.MaxInt64-d) || (d < 0 && r.window < math.MinInt64-d) {
			return e, false, fmt.Errorf("%w: window end", ErrFrame)
		}
		r.window += d
		r.body = r.body[k:]
	}
	e.Stands = 1
	if flags&rowMerged != 0 {
		n, k := binary.Uvarint(r.body)
		if k <= 0 || n < 2 {
			return e, false, fmt.Errorf("%w: merged row", ErrFrame)
		}
		e.Stands, r.body = n, r.body[k:]
	}
	if e.Stands > r.stands || r.stands-e.Stands < uint64(r.left-1) {
		return e, false, fmt.Errorf("%w: a row stands for %d of %d sequences", ErrFrame, e.Stands, r.stands)
	}
	r.stands -= e.Stands
	if e.Payload, ok = r.bytes(); !ok {
		return e, false, fmt.Errorf("%w: payload", ErrFrame)
	}
	e.Kind = vec.RowKind(flags & rowKind)
	if flags&(rowSubject|rowSameSubject) != 0 {
		e.Subject = r.subject
	}
	if flags&(rowWindow|rowSameWindow) != 0 {
		e.WindowEnd = r.window
	}
	e.Seq = r.next + e.Stands - 1
	r.next = e.Seq + 1
	r.left--
	return e, true, nil
}

func (r *FrameReader) bytes() ([]byte, bool) {
	n, k := binary.Uvarint(r.body)
	if k <= 0 || n > uint64(len(r.body)-k) {
		return nil, false
	}
	b := r.body[k : k+int(n) : k+int(n)]
	r.body = r.body[k+int(n):]
	return b, true
}
