package format

import (
	"bytes"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Stepper is a decoder that can be led through a message event by event, for code that
// decodes most events by itself and leaves the others to the decoder: Begin, Next for the
// first event, and for each event either Take, which names the next one, or One and Next,
// until there is none.
type Stepper interface {
	Decoder
	// Begin begins a message.
	Begin(msg []byte)
	// Next is where the next event begins. ok is false at the message's end, and where what
	// stands between events is malformed, which is reported as undecodable.
	Next() (pos int, ok bool)
	// Take passes the event in hand, which ends at end, and goes on as Next does.
	Take(end int) (pos int, ok bool)
	// One decodes the event in hand into b, which has room, and passes it. ok is
	// false when nothing of the message can be made out behind it.
	One(b *vec.Batch) (ok bool)
}

// Begin begins a message.
func (d *jsonDecoder) Begin(msg []byte) {
	d.msg = msg
	d.pos, d.inArray, d.afterElem = 0, false, false
	d.stats.Messages++
	if len(msg) >= 3 && string(msg[:3]) == "\ufeff" {
		d.pos = 3
	}
}

// Next is where the next event begins.
func (d *jsonDecoder) Next() (pos int, ok bool) {
	i := d.pos
	for {
		i = skipSpace(d.msg, i)
		switch {
		case !d.inArray && i >= len(d.msg):
			return i, false
		case !d.inArray && d.msg[i] == '[':
			d.inArray, d.afterElem = true, false
		case !d.inArray:
			d.pos = i
			return i, true
		case i >= len(d.msg):
			d.broken(i, "the array of events is not closed")
			d.report(d.msg[i:], i)
			return i, false
		case d.msg[i] == ']':
			d.inArray = false
		case d.afterElem && d.msg[i] != ',':
			d.broken(i, "',' or ']' is expected between events of an array")
			d.report(d.msg[i:], i)
			return i, false
		case d.afterElem:
			d.afterElem = false
		default:
			d.pos = i
			return i, true
		}
		i++
	}
}

// Take passes an event.
func (d *jsonDecoder) Take(end int) (pos int, ok bool) {
	d.pass(end)
	return d.Next()
}

func (d *jsonDecoder) pass(end int) { d.pos, d.afterElem = end, true }

// One decodes one event.
func (d *jsonDecoder) One(b *vec.Batch) bool {
	d.bind(b)
	i := d.event(b, d.pos)
	if i < 0 {
		return false
	}
	d.pass(i)
	return true
}

// Begin begins a message.
func (d *msgpackDecoder) Begin(msg []byte) {
	d.msg = msg
	d.pos, d.left = 0, 0
	d.stats.Messages++
}

// Next is where the next event begins.
func (d *msgpackDecoder) Next() (pos int, ok bool) {
	for {
		if d.pos >= len(d.msg) {
			if d.left > 0 {
				d.broken(d.pos, "the array of events is cut off")
				d.report(d.msg[d.pos:], d.pos)
			}
			return d.pos, false
		}
		if d.left > 0 || d.nestedFirst || d.msg[d.pos]&0xf0 == 0x80 {
			return d.pos, true
		}
		n, first, array := d.arrayOfEvents(d.pos)
		if !array {
			return d.pos, true
		}
		d.left, d.pos = n, first
	}
}

// Take passes an event.
func (d *msgpackDecoder) Take(end int) (pos int, ok bool) {
	if d.left == 0 && end == len(d.msg) {
		d.pos = end
		return end, false
	}
	d.pass(end)
	return d.Next()
}

func (d *msgpackDecoder) pass(end int) { d.pos, d.left = end, max(d.left-1, 0) }

// One decodes one event.
func (d *msgpackDecoder) One(b *vec.Batch) bool {
	d.bind(b)
	i := d.event(b, d.pos)
	if i < 0 {
		return false
	}
	d.pass(i)
	return true
}

// Begin begins a message.
func (d *csvDecoder) Begin(msg []byte) {
	d.msg = msg
	d.pos, d.header = 0, d.opt.header
	d.stats.Messages++
	if bytes.HasPrefix(msg, []byte("\ufeff")) {
		d.pos = 3
	}
}

// Next is where the next line begins that is neither blank nor a comment nor the header.
func (d *csvDecoder) Next() (pos int, ok bool) {
	for d.pos < len(d.msg) {
		start := d.pos
		switch c := d.msg[start]; {
		case c == '\n' || c == '\r':
			d.pos++
		case c == '#' && d.opt.comments:
			d.pos = lineEnd(d.msg, start)
		case !d.header:
			return start, true
		default:
			d.header = false
			if d.split(start) {
				d.readHeader()
			} else {
				d.report(d.msg[start:d.pos], start)
			}
		}
	}
	return d.pos, false
}

// Take passes a line.
func (d *csvDecoder) Take(end int) (pos int, ok bool) {
	d.pos = end
	return d.Next()
}

// One decodes one line.
func (d *csvDecoder) One(b *vec.Batch) bool {
	d.bind(b)
	d.event(b, d.pos)
	return true
}
