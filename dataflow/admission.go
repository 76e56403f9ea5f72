package dataflow

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// headBytesMax is how much of a message or of a field that is too large its letter shows.
const headBytesMax = 1 << 10

// admission bounds the messages of a source, and the fields in them. No field is larger
// than its message: one of at most free bytes needs no further look, and so the limits
// cost messages of an ordinary size one comparison.
type admission struct {
	message, field int
	free           int
	sifts          bool // the message in hand may have a field that is too large
}

// bound sets the limits of a source, in bytes; 0 is none.
func (in *ingest) bound(message, field int64) {
	limit := func(n int64) int {
		if n <= 0 {
			return math.MaxInt
		}
		return int(min(n, math.MaxInt))
	}
	in.limits = admission{message: limit(message), field: limit(field)}
	in.limits.free = min(in.limits.message, in.limits.field)
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
		in.oversize(0, "the message", "edgeflow.message.max-bytes", in.limits.message, m.Data)
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
			in.oversize(b.Origin[i].Row, "column '"+in.node.Base().Schema[c].Name+"'", "edgeflow.field.max-bytes", in.limits.field, v.Bytes(i))
			continue rows
		}
		sel = append(sel, int32(i))
	}
	b.Sel = sel
}

// oversize diverts a message, or a row of it, of which what is larger than a limit.
func (in *ingest) oversize(row uint32, what, option string, limit int, data []byte) {
	reason := fmt.Sprintf("%s has %d bytes, and '%s' is %d", what, len(data), option, limit)
	t, m := in.node.Table, in.current
	if in.letters.policy == plan.RowErrorFail {
		in.letters.fail(fmt.Errorf("source %s: message %d: %s (%w)", t.Name, m.Seq, reason, ErrRow))
		return
	}
	if len(in.refused) >= lettersMax {
		in.unlisted++
		return
	}
	l := &Letter{Kind: KindDead, Class: ClassTooLarge, Reason: reason, Source: t.Name, Log: in.bind.Log, Sequence: m.Seq, Row: row,
		ArrivalMs: m.ArrivalMs, Head: headOf(data), Size: len(data)}
	l.from(m)
	in.refused = append(in.refused, l)
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
