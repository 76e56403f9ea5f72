package dataflow

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// headBytesMax is how much of a message or of a field that is too large its letter shows.
const headBytesMax = 1 << 10

// admission bounds the messages of a source, and the fields in them. No text or byte string is
// larger than its message, but for one whose charset is not UTF-8, which is less than twice as
// large: a message of at most free bytes needs no further look, and so the limits cost messages of
// an ordinary size one comparison. Nested values may be far larger than their message: decoders
// refuse those themselves.
type admission struct {
	message, field int
	free           int
	sifts          bool // the message in hand may have a field that is too large
}

// bound sets the limits of a source, in bytes; 0 is none.
func (in *ingest) bound(message, field int64) {
	in.limits = admission{message: sizeLimit(message), field: sizeLimit(field)}
	in.limits.free = min(in.limits.message, in.limits.field)
	in.limit(in.decoder)
}

// limit bounds the nested values that a decoder of the source makes.
func (in *ingest) limit(d format.Decoder) {
	if l, ok := d.(format.Limited); ok {
		l.Limit(in.limits.field)
	}
}

// tooLarge tells that an event was refused since a field is too large, and not malformed.
func tooLarge(reason error) (field string, ok bool) {
	var e *format.EventError
	if !errors.As(reason, &e) || !e.TooLarge {
		return "", false
	}
	return e.Field, true
}

// fieldBytesOption is the option that bounds fields and results.
const fieldBytesOption = "edgeflow.field.max-bytes"

// sizeLimit is a limit of bytes of which 0 is any number.
func sizeLimit(n int64) int {
	if n <= 0 {
		return math.MaxInt
	}
	return int(min(n, math.MaxInt))
}

// large takes a message that is larger than a limit. It returns the number of rows that it
// pushed.
func (in *ingest) large(m *Message) (int, error) {
	if in.fused != nil {
		if err := in.fused.settle(); err != nil {
			return 0, err
		}
	}
	pushed, err := in.divert() // what is at hand
	if err != nil {
		return pushed, err
	}
	if len(m.Data) > in.limits.message {
		in.ledger.Read++
		in.ledger.Undecodable++
		in.oversize(&Letter{Reason: oversized("the message", "edgeflow.message.max-bytes", in.limits.message, m.Data)}, m.Data)
		n, err := in.divert()
		return pushed + n, err
	}
	in.limits.sifts = true
	defer func() { in.limits.sifts = false }()
	n, err := in.decode(m)
	if pushed += n; err != nil {
		return pushed, err
	}
	n, err = in.divert()
	return pushed + n, err
}

// hand pushes the batch.
func (in *ingest) hand() error {
	if in.limits.sifts {
		if in.sift(); in.batch.Rows() == 0 {
			return nil
		}
	}
	return in.out.Process(in.batch)
}

// sift takes the rows with a field that is too large out of the batch.
func (in *ingest) sift() {
	b := in.batch
	sel := make([]int32, 0, b.N)
rows:
	for i := range b.N {
		for c, v := range b.Cols {
			if v.Phys != types.Bytes || v.IsNull(i) || len(v.Bytes(i)) <= in.limits.field {
				continue
			}
			in.ledger.Decoded--
			in.ledger.Undecodable++
			reason := oversized("column '"+in.node.Base().Schema[c].Name+"'", fieldBytesOption, in.limits.field, v.Bytes(i))
			in.oversize(&Letter{Reason: reason, Row: b.Origin[i].Row}, v.Bytes(i))
			continue rows
		}
		sel = append(sel, int32(i))
	}
	b.Sel = sel
}

// oversize diverts a message, or an event of it, for a reason of size; l has that and where it is.
// data is what is too large, or of a nested value, which has no bytes to show, its event.
func (in *ingest) oversize(l *Letter, data []byte) {
	t, m := in.node.Table, in.current
	if in.letters.policy == plan.RowErrorFail {
		in.letters.fail(fmt.Errorf("source %s: message %d: %s (%w)", t.Name, m.Seq, l.Reason, ErrRow))
		return
	}
	if len(in.refused) >= lettersMax {
		in.unlisted++
		return
	}
	l.Kind, l.Class, l.Source, l.Log, l.Sequence, l.ArrivalMs = KindDead, ClassTooLarge, t.Name, in.bind.Log, m.Seq, m.ArrivalMs
	l.Head, l.Size = headOf(data), len(data)
	l.from(m)
	in.refused = append(in.refused, l)
}

func oversized(what, option string, limit int, data []byte) string {
	return fmt.Sprintf("%s has %d bytes, and '%s' is %d", what, len(data), option, limit)
}

// resultMax is the greatest size of a text, byte string or nested value of a result: what
// fields may have in the pipeline, or in any of its sources.
func (e *Engine) resultMax() int {
	most := sizeLimit(e.plan.Config.FieldBytesMax)
	for _, in := range e.sources {
		most = max(most, in.limits.field)
	}
	return most
}

// large finds a value of a row that is larger than the sink takes, and diverts it. Aggregates
// such as LISTAGG make values of any size. No value is larger than its row once it is encoded.
func (s *sink) large(b *vec.Batch, i int) (found bool, err error) {
	for _, c := range s.payload {
		v := b.Cols[c]
		if v.Phys != types.Bytes || v.IsNull(i) || len(v.Bytes(i)) <= s.fieldMax {
			continue
		}
		data := v.Bytes(i)
		reason := oversized("column '"+s.node.Base().Schema[c].Name+"' of a result", fieldBytesOption, s.fieldMax, data)
		s.refused++
		if s.letters.letters.policy == plan.RowErrorFail {
			return true, fmt.Errorf("sink %s: %s (%w)", s.node.Table.Name, reason, ErrRow)
		}
		l := &Letter{Kind: KindDead, Class: ClassTooLarge, Reason: reason, Operator: s.node.Kind(), ArrivalMs: b.ArrivalAt(i), Head: headOf(data), Size: len(data)}
		return true, s.letters.letters.put(s.letters.letters.out, l)
	}
	return false, nil
}

// headOf is how data begins, as text: bytes that are none are replaced.
func headOf(data []byte) string {
	head := data[:min(len(data), headBytesMax)]
	if cut := len(head); cut < len(data) {
		for i := 1; i < utf8.UTFMax && i < cut; i++ { // not in the middle of a character
			if utf8.RuneStart(head[cut-i]) {
				if !utf8.FullRune(head[cut-i:]) {
					head = head[:cut-i]
				}
				break
			}
		}
	}
	return strings.ToValidUTF8(string(head), "\uFFFD")
}
