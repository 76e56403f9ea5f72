package format

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// core is what the decoders share: the wanted columns, the tree of their paths, the row
// being filled, failures and counts.
type core struct {
	cols []column
	root *node
	// dups are columns wanted twice: [from, to].
	dups [][2]int

	ignore, failMissing bool
	// names, where single values are decoded (see Values), is where names of unknown fields
	// are noted; unnoted tells that one has come that is not. Such keys are not learnt, so
	// that each is seen.
	names   *Stats
	unnoted bool
	onBad   func([]byte, int, error)
	stats   Stats

	msg []byte
	row int
	// serial numbers the events, so that a column knows whether this event has set it.
	serial uint64
	// cur is the column being decoded, for counts and errors.
	cur  int32
	fail failure

	// arena holds bytes built during one event, stack the members of open nested values.
	arena []byte
	stack []vec.Datum
	// valueMax is how many bytes a nested value may have.
	valueMax int
}

// column is a wanted column, bound to a vector of the current batch.
type column struct {
	path string
	ct   *ctype
	v    *vec.Vector
	// buf is the message's number among the vector's buffers, 0 before the first span.
	buf  uint32
	seen uint64
}

// node is a level of the tree of paths. kids[i] belongs to keys.names[i]; the first
// declared of them stand in the order of the declaration.
type node struct {
	keys     keyset
	kids     []child
	declared int
}

// child says what becomes of a field: it fills col, has wanted fields below, both, or is
// skipped. col is -1 when the field itself is not wanted.
type child struct {
	col int32
	sub *node
}

// failure is why the current event is given up. A structural one leaves the event's end
// unknown; a value that is too large is none that may be ignored.
type failure struct {
	structural bool
	large      bool
	pos        int
	field      string
	what       string
	text       []byte
	ct         *ctype
}

func newCore(s Schema, o Options, std timeStandard) (core, error) {
	c := core{root: &node{}, onBad: o.OnBad, cols: make([]column, len(s.Columns)), valueMax: valueMax}
	c.stats.Missing = make([]uint64, len(s.Columns))
	c.stats.Mismatch = make([]uint64, len(s.Columns))
	c.root.declare(s.Declared)
	for i, col := range s.Columns {
		path := col.Path
		if len(path) == 0 {
			path = []string{col.Name}
		}
		ct, err := compileType(col.Type, std)
		if err != nil {
			return c, fmt.Errorf("column %s: %w", col.Name, err)
		}
		c.cols[i] = column{path: strings.Join(path, "."), ct: ct}
		if err := c.insert(c.root, s.Declared, path, i); err != nil {
			return c, fmt.Errorf("column %s: %w", col.Name, err)
		}
	}
	if s.Declared == nil {
		c.root.declared = len(c.root.kids)
	}
	return c, nil
}

func (n *node) declare(fields []types.Field) {
	for _, f := range fields {
		n.kid(f.Name)
	}
	n.declared = len(n.kids)
}

func (n *node) kid(name string) *child {
	i := n.keys.add(name)
	if i == len(n.kids) {
		n.kids = append(n.kids, child{col: -1})
	}
	return &n.kids[i]
}

func (c *core) insert(n *node, fields []types.Field, path []string, col int) error {
	k := n.kid(path[0])
	if len(path) == 1 {
		if k.col >= 0 {
			c.dups = append(c.dups, [2]int{int(k.col), col})
		} else {
			k.col = int32(col)
		}
		return nil
	}
	var below []types.Field
	for _, f := range fields {
		if f.Name != path[0] {
			continue
		}
		if f.Type.Kind != types.Row && f.Type.Kind != types.Structured {
			return fmt.Errorf("field %s is a %s, not a ROW", path[0], f.Type)
		}
		below = f.Type.Fields
	}
	if k.sub == nil {
		k.sub = &node{}
		k.sub.declare(below)
	}
	return c.insert(k.sub, below, path[1:], col)
}

// Stats are the running counts.
func (c *core) Stats() *Stats { return &c.stats }

// bind takes the vectors of a batch; spans of the current message begin anew.
func (c *core) bind(b *vec.Batch) {
	for i := range c.cols {
		c.cols[i].v, c.cols[i].buf = b.Cols[i], 0
	}
}

func (c *core) begin(row int) {
	c.serial++
	c.row = row
	c.fail.large = false
	c.forget()
}

// touch marks a column as set by this event; a second value replaces the first.
func (c *core) touch(ci int32) *column {
	col := &c.cols[ci]
	c.cur = ci
	if col.seen == c.serial {
		col.v.SetNotNull(c.row)
	}
	col.seen = c.serial
	return col
}

// span makes bytes off..off+n of the message the cell of the current row.
func (c *core) span(col *column, off, n int) {
	if col.buf == 0 {
		col.buf = col.v.AddBuf(c.msg)
	}
	col.v.Str[c.row] = vec.Span{Buf: col.buf, Off: uint32(off), Len: uint32(n)}
}

// nullBelow makes NULL every column of a subtree.
func (c *core) nullBelow(n *node) {
	for _, k := range n.kids {
		if k.col >= 0 {
			c.touch(k.col).v.SetNull(c.row)
		}
		if k.sub != nil {
			c.nullBelow(k.sub)
		}
	}
}

func (c *core) unknown(name []byte) {
	c.stats.Unknown++
	if c.names != nil {
		c.unnoted = c.unnoted || !c.names.Noted(name)
		return
	}
	if len(c.stats.UnknownNames) < unknownNamesMax {
		for _, n := range c.stats.UnknownNames {
			if n == string(name) {
				return
			}
		}
		c.stats.UnknownNames = append(c.stats.UnknownNames, string(name))
	}
}

func (c *core) mismatch() { c.stats.Mismatch[c.cur]++ }

// finish completes the row; it fails when a column is missing that must not be.
func (c *core) finish() bool {
	for i := range c.cols {
		col := &c.cols[i]
		if col.seen == c.serial {
			continue
		}
		if c.isDup(i) {
			continue
		}
		c.stats.Missing[i]++
		if c.failMissing {
			c.fail = failure{what: "the field is missing ('fail-on-missing-field')", field: col.path}
			return false
		}
		col.v.SetNull(c.row)
	}
	for _, d := range c.dups {
		from, to := c.cols[d[0]].v, c.cols[d[1]].v
		to.Copy(c.row, from, c.row)
	}
	c.stats.Decoded++
	return true
}

func (c *core) isDup(i int) bool {
	for _, d := range c.dups {
		if d[1] == i {
			return true
		}
	}
	return false
}

// abort takes back what a given-up event left in its row.
func (c *core) abort() {
	for i := range c.cols {
		c.cols[i].v.SetNotNull(c.row)
	}
}

// broken records a structural failure; it returns -1, the position after nothing.
func (c *core) broken(pos int, what string) int {
	c.fail = failure{structural: true, pos: pos, what: what}
	return -1
}

// wrong records that text is not a value of the type; it returns -1.
func (c *core) wrong(pos int, text []byte, ct *ctype) int {
	c.mismatch()
	c.fail = failure{pos: pos, text: text, ct: ct, field: c.cols[c.cur].path}
	return -1
}

// report counts an undecodable event and hands it out with the recorded failure.
func (c *core) report(event []byte, offset int) {
	c.stats.Undecodable++
	if c.ignore && !c.fail.large {
		c.stats.Ignored++
		return
	}
	if c.onBad == nil {
		return
	}
	e := &EventError{Field: c.fail.field, Offset: max(c.fail.pos, offset), Reason: c.fail.what, TooLarge: c.fail.large}
	if c.fail.ct != nil {
		e.Reason = fmt.Sprintf("%q is not %s", clip(c.fail.text), c.fail.ct.want)
	}
	c.onBad(event, offset, e)
}

// clip shortens what an error quotes.
func clip(s []byte) []byte {
	const most = 60
	if len(s) > most {
		return append(append([]byte(nil), s[:most]...), "..."...)
	}
	return s
}

// convert reads a scalar's text as a value of the type. lenient takes either timestamp
// standard. The result's bytes refer to s or to the arena.
func (c *core) convert(ct *ctype, s []byte, lenient bool) (vec.Datum, bool) {
	switch ct.op {
	case opString:
		return vec.Datum{B: s}, true
	case opBytes:
		n := len(c.arena)
		out, err := base64.StdEncoding.AppendDecode(c.arena, s)
		if err != nil {
			return vec.Datum{}, false
		}
		c.arena = out
		return vec.Datum{B: out[n:len(out):len(out)]}, true
	case opDate, opTime, opTimestamp, opTimestampWide:
		return convertTime(ct, s, lenient)
	}
	s = trim(s)
	switch ct.op {
	case opBool:
		v, ok := parseBool(s)
		return vec.BoolDatum(v), ok
	case opInt:
		v, ok := parseInt(s)
		return vec.Datum{I: v}, ok && v >= ct.lo && v <= ct.hi
	case opDouble:
		f, ok := parseFloat(s, 64)
		return vec.Datum{F: f}, ok
	case opFloat:
		f, ok := parseFloat(s, 32)
		return vec.Datum{F: f}, ok
	case opDecimal, opDecimalWide:
		hi, lo, st := parseDecimal(s, ct.t.Prec, ct.t.Scale)
		if st == decimalOverflow {
			c.mismatch()
			return vec.NullDatum, true
		}
		return vec.Datum{I: lo, Hi: hi}, st == decimalOK
	}
	return vec.NullDatum, ct.op == opNull
}

func convertTime(ct *ctype, s []byte, lenient bool) (vec.Datum, bool) {
	switch ct.op {
	case opDate:
		days, rest, ok := parseDate(s)
		return vec.Datum{I: days}, ok && len(rest) == 0
	case opTime:
		nanos, rest, ok := parseClock(s, true)
		nanos -= nanos % nanoUnit[min(ct.prec, 9)]
		return vec.Datum{I: nanos / nanosPerMilli}, ok && len(rest) == 0
	}
	micros, sub, ok := parseTimestamp(s, ct, lenient)
	return vec.Datum{I: micros, Hi: sub}, ok
}
