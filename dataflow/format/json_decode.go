package format

import (
	"bytes"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// jsonDecoder reads objects that follow each other with or without white space between
// them (NDJSON included), arrays of objects, and any sequence of both.
type jsonDecoder struct {
	core
	pos int
	// inArray tells that pos is within a top-level array, afterElem that an element has
	// just ended there.
	inArray, afterElem bool
}

func newJSONDecoder(s Schema, o Options) (Decoder, error) {
	opt, err := parseJSONOptions(o.Table)
	if err != nil {
		return nil, err
	}
	d := &jsonDecoder{}
	if d.core, err = newCore(s, o, opt.standard); err != nil {
		return nil, err
	}
	d.ignore, d.failMissing = opt.ignore, opt.failMissing
	return d, nil
}

// Decode begins a message.
func (d *jsonDecoder) Decode(msg []byte, b *vec.Batch) bool {
	d.Begin(msg)
	return d.Resume(b)
}

// Resume goes on with the message.
func (d *jsonDecoder) Resume(b *vec.Batch) bool {
	d.bind(b)
	for {
		i, ok := d.Next()
		if !ok {
			return false
		}
		if b.N >= vec.BatchSize {
			return true
		}
		if i = d.event(b, i); i < 0 {
			return false
		}
		d.pass(i)
	}
}

// event decodes the event at start and returns where the next may begin, or -1 when
// nothing of the message can be made out behind it.
func (d *jsonDecoder) event(b *vec.Batch, start int) int {
	d.begin(b.N)
	end := -1
	if d.msg[start] == '{' {
		if end = d.object(d.root, start+1, 0); end >= 0 {
			if d.finish() {
				b.N++
				return end
			}
			d.abort()
			d.fail.pos = start
			d.report(d.msg[start:end], start)
			return end
		}
		d.abort()
	} else {
		d.fail = failure{pos: start, what: "a JSON object is expected"}
	}
	if !d.fail.structural {
		if end = skipValue(d.msg, start); end < 0 {
			d.fail.structural = true
		}
	}
	if d.fail.structural {
		end = len(d.msg)
		if !d.inArray {
			if n := bytes.Index(d.msg[start+1:], []byte("\n{")); n >= 0 {
				end = start + 1 + n
			}
		}
		d.report(d.msg[start:end], start)
		if end == len(d.msg) {
			return -1
		}
		return end
	}
	d.report(d.msg[start:end], start)
	return end
}

// key reads the key at i and its colon, and returns the key's index in the set and where
// the value begins, or -1. k is the key's position in its object.
func (d *jsonDecoder) key(s *keyset, k, i int) (idx int32, next int) {
	b := d.msg
	if i >= len(b) || b[i] != '"' {
		return -1, d.broken(i, "a field name in quotes is expected")
	}
	end, esc, high := scanString(b, i+1)
	if end < 0 {
		return -1, d.broken(i, "a field name is not closed")
	}
	name := b[i+1 : end]
	if esc {
		n := len(d.arena)
		var ok bool
		if d.arena, ok = appendUnescaped(d.arena, name); !ok {
			return -1, d.broken(i, "a field name has a wrong escape")
		}
		name = d.arena[n:]
	}
	if high && !utf8.Valid(name) {
		return -1, d.broken(i, "a field name is not UTF-8")
	}
	colon := skipSpace(b, end+1)
	if colon >= len(b) || b[colon] != ':' {
		return -1, d.broken(colon, "':' is expected behind a field name")
	}
	idx = s.lookup(name)
	if idx < 0 {
		d.unknown(name)
		if esc || d.names != nil {
			return idx, skipSpace(b, colon+1)
		}
	}
	s.learn(k, b[i:colon+1], idx)
	return idx, skipSpace(b, colon+1)
}

// object reads the members of an object whose content begins at i, and returns the
// position behind its brace, or -1.
func (d *jsonDecoder) object(n *node, i, depth int) int {
	b := d.msg
	i = skipSpace(b, i)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for k := 0; ; k++ {
		var idx int32
		if i >= len(b) {
			return d.broken(i, "the object is not closed")
		}
		if g, size, ok := n.keys.guessed(k, b[i:]); ok {
			idx = g
			i += size
			if i < len(b) && b[i] <= ' ' {
				i = skipSpace(b, i)
			}
			if idx < 0 {
				d.stats.Unknown++
			}
		} else if idx, i = d.key(&n.keys, k, i); i < 0 {
			return -1
		}
		if i = d.member(n, idx, i, depth); i < 0 {
			return -1
		}
		if i < len(b) && b[i] <= ' ' {
			i = skipSpace(b, i)
		}
		if i >= len(b) {
			return d.broken(i, "the object is not closed")
		}
		switch b[i] {
		case ',':
			i++
			if i < len(b) && b[i] <= ' ' {
				i = skipSpace(b, i)
			}
		case '}':
			return i + 1
		default:
			return d.broken(i, "',' or '}' is expected behind a value")
		}
	}
}

// member decodes the value at i of a field of a level of the tree, or skips it.
func (d *jsonDecoder) member(n *node, idx int32, i, depth int) int {
	if idx < 0 {
		return d.skip(i)
	}
	kid := &n.kids[idx]
	end := -1
	if kid.col >= 0 {
		if end = d.cell(kid.col, i); end < 0 {
			if end = d.recovered(i); end < 0 {
				return -1
			}
			d.cols[kid.col].v.SetNull(d.row)
		}
	}
	if kid.sub == nil {
		if end < 0 {
			end = d.skip(i)
		}
		return end
	}
	switch {
	case i < len(d.msg) && d.msg[i] == '{':
		return d.object(kid.sub, i+1, depth+1)
	case isNull(d.msg, i):
		d.nullBelow(kid.sub)
		return i + 4
	}
	d.nullBelow(kid.sub)
	end = d.skip(i)
	if end < 0 {
		return -1
	}
	d.mismatch()
	if d.ignore {
		return end
	}
	d.fail = failure{pos: i, what: "a JSON object is expected", field: d.cols[d.cur].path}
	return -1
}

func (d *jsonDecoder) skip(i int) int {
	end := skipValue(d.msg, i)
	if end < 0 {
		return d.broken(i, "a value is malformed, not closed, or nested too deep")
	}
	return end
}

// recovered is the end of the value at i after a failure that may be ignored, or -1.
func (d *jsonDecoder) recovered(i int) int {
	if d.fail.structural || d.fail.large || !d.ignore {
		return -1
	}
	return d.skip(i)
}

func isNull(b []byte, i int) bool { return i+4 <= len(b) && string(b[i:i+4]) == "null" }
