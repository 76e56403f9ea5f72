package datagen

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"

	"github.com/edgeflow/edgeflow/connector/internal/with"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

const (
	// textLength and collectionLength are Flink's defaults.
	textLength       = 100
	collectionLength = 3
	// fieldBytesMax bounds a text or binary.
	fieldBytesMax = 1 << 20
	msPerDay      = 86_400_000
)

// generator makes the values of one field.
type generator struct {
	t        types.Type
	salt     uint64
	nullRate float64
	sequence bool
	// lo and hi bound integers, unscaled decimals and sequences; flo and fhi floats.
	lo, hi   int64
	flo, fhi float64
	length   int
	varLen   bool
	pastMs   int64
	elem     *generator // of ARRAY and MULTISET, or a MAP's value
	key      *generator
	fields   []*generator
	// parents make a nested field NULL, from the outermost in.
	parents []*generator

	keys, vals []vec.Datum
	buf        []byte
}

// mix is the finaliser of SplitMix64: it spreads a counter over all 64 bits.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// saltOf is a field's own number, from its path (FNV-1a) and the seed.
func saltOf(path string, seed int64) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(path) {
		h = (h ^ uint64(path[i])) * 1099511628211
	}
	return mix(h ^ mix(uint64(seed)))
}

func (b *builder) build(path string, t types.Type) (*generator, error) {
	g := &generator{t: t, salt: saltOf(path, b.opt.Seed)}
	b.used[path] = true
	f := b.opt.Fields[path]
	g.nullRate, g.varLen, g.pastMs = f.NullRate, f.VarLen, f.MaxPast.Milliseconds()
	bad := func(attr, problem string) error {
		return &with.OptionError{Key: "fields." + path + "." + attr, Problem: problem}
	}
	if t.NotNull && f.NullRate > 0 {
		return nil, bad("null-rate", "the field is NOT NULL")
	}
	if err := g.setLength(f, bad); err != nil {
		return nil, err
	}
	if f.Kind == "sequence" {
		if b.collections > 0 {
			return nil, bad("kind", "the members of a collection are random")
		}
		return g, g.setSequence(f, bad)
	}
	for _, attr := range []string{"start", "end"} {
		if f.set[attr] {
			return nil, bad(attr, "belongs to kind 'sequence'")
		}
	}
	if err := g.setRange(f, bad); err != nil {
		return nil, err
	}
	return g, b.members(g, path)
}

// members builds the generators of a nested type's members.
func (b *builder) members(g *generator, path string) (err error) {
	if g.t.IsNested() && g.t.Kind != types.Row && g.t.Kind != types.Structured {
		b.collections++
		defer func() { b.collections-- }()
	}
	sub := func(name string, t types.Type) (*generator, error) { return b.build(path+"."+name, t) }
	switch g.t.Kind {
	case types.Array:
		g.elem, err = sub("element", *g.t.Elem)
	case types.Multiset:
		if g.key, err = sub("element", *g.t.Elem); err == nil {
			g.elem = &generator{t: types.TInt, salt: mix(g.salt), lo: 1, hi: collectionLength}
		}
	case types.Map:
		if g.key, err = sub("key", *g.t.Key); err == nil {
			g.elem, err = sub("value", *g.t.Elem)
		}
	case types.Row, types.Structured:
		for _, f := range g.t.Fields {
			k, err := sub(f.Name, f.Type)
			if err != nil {
				return err
			}
			g.fields = append(g.fields, k)
		}
	case types.Raw, types.Symbol:
		return fmt.Errorf("datagen makes no values of type %s (field %s)", g.t, path)
	}
	return err
}

type badFunc func(attr, problem string) error

func (g *generator) setLength(f FieldOptions, bad badFunc) error {
	takes := g.t.IsString() || g.t.IsBinary() || g.t.Kind == types.Array || g.t.Kind == types.Map || g.t.Kind == types.Multiset
	switch {
	case f.Length > 0 && !takes:
		return bad("length", "a "+g.t.Kind.String()+" has no length")
	case f.Length > fieldBytesMax:
		return bad("length", fmt.Sprintf("at most %d", fieldBytesMax))
	case f.VarLen && !g.t.IsString() && !g.t.IsBinary():
		return bad("var-len", "a "+g.t.Kind.String()+" has no length")
	}
	g.length = int(f.Length)
	fixed := (g.t.IsString() || g.t.IsBinary()) && g.t.Prec != types.MaxLength
	switch {
	case fixed && g.length > g.t.Prec:
		return bad("length", fmt.Sprintf("longer than %s", g.t.Nullable()))
	case g.length > 0:
	case fixed:
		g.length = min(g.t.Prec, fieldBytesMax)
	case g.t.IsString() || g.t.IsBinary():
		g.length = textLength
	default:
		g.length = collectionLength
	}
	return nil
}

func (g *generator) setSequence(f FieldOptions, bad badFunc) error {
	for _, attr := range []string{"min", "max", "max-past"} {
		if f.set[attr] {
			return bad(attr, "belongs to kind 'random'")
		}
	}
	if !g.t.IsNumeric() && !g.t.IsString() {
		return bad("kind", "a sequence has numbers or texts, not "+g.t.Kind.String())
	}
	g.sequence = true
	for _, p := range []struct {
		attr, text string
		to         *int64
	}{{"start", f.Start, &g.lo}, {"end", f.End, &g.hi}} {
		n, err := strconv.ParseInt(p.text, 10, 64)
		if err != nil {
			return bad(p.attr, fmt.Sprintf("%q: a sequence needs a whole number here", p.text))
		}
		*p.to = n
	}
	if g.hi < g.lo {
		return bad("end", "smaller than the start")
	}
	lo, hi := integerRange(g.t)
	if g.lo < lo || g.hi > hi {
		return bad("end", "the sequence leaves the range of "+g.t.Nullable().String())
	}
	return nil
}

// integerRange are the whole numbers that a type takes, within an int64.
func integerRange(t types.Type) (lo, hi int64) {
	switch t.Kind {
	case types.TinyInt:
		return math.MinInt8, math.MaxInt8
	case types.SmallInt:
		return math.MinInt16, math.MaxInt16
	case types.Int, types.IntervalYM:
		return math.MinInt32, math.MaxInt32
	case types.Decimal:
		n := pow10(min(t.Prec-t.Scale, 18)) - 1
		return -n, n
	}
	return math.MinInt64, math.MaxInt64
}

func pow10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

func (g *generator) setRange(f FieldOptions, bad badFunc) error {
	exact := g.t.IsInteger() || g.t.IsInterval() || g.t.Kind == types.Decimal
	if f.MaxPast > 0 && !g.t.IsTimestamp() {
		return bad("max-past", "belongs to timestamps")
	}
	switch {
	case g.t.Kind == types.Decimal:
		n := pow10(min(g.t.Prec, 18)) - 1
		g.lo, g.hi = -n, n
	case exact:
		g.lo, g.hi = integerRange(g.t)
	case g.t.Kind == types.Float:
		g.flo, g.fhi = math.SmallestNonzeroFloat32, math.MaxFloat32
	case g.t.Kind == types.Double:
		g.flo, g.fhi = math.SmallestNonzeroFloat64, math.MaxFloat64
	}
	for i, attr := range []string{"min", "max"} {
		text := []string{f.Min, f.Max}[i]
		if !f.set[attr] {
			continue
		}
		if err := g.bound(i, text); err != nil {
			return bad(attr, err.Error())
		}
	}
	if g.lo > g.hi || g.flo > g.fhi {
		return bad("max", "smaller than the minimum")
	}
	if math.IsInf(g.fhi-g.flo, 0) {
		return bad("max", "the range is wider than a DOUBLE holds")
	}
	return nil
}

// bound reads the lower (0) or upper (1) bound of random numbers.
func (g *generator) bound(which int, text string) error {
	switch {
	case g.t.IsApprox():
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%q is no number", text)
		}
		*[]*float64{&g.flo, &g.fhi}[which] = v
	case g.t.Kind == types.Decimal:
		v, err := strconv.ParseFloat(text, 64)
		scaled := math.Round(v * math.Pow10(g.t.Scale))
		if err != nil || !(math.Abs(scaled) <= float64(g.hi)) {
			return fmt.Errorf("%q is no value of %s within 18 digits", text, g.t.Nullable())
		}
		*[]*int64{&g.lo, &g.hi}[which] = int64(scaled)
	case g.t.IsInteger() || g.t.IsInterval():
		v, err := strconv.ParseInt(text, 10, 64)
		lo, hi := integerRange(g.t)
		if err != nil || v < lo || v > hi {
			return fmt.Errorf("%q is no value of %s", text, g.t.Nullable())
		}
		*[]*int64{&g.lo, &g.hi}[which] = v
	default:
		return fmt.Errorf("a %s has no range", g.t.Kind)
	}
	return nil
}

// limit is after how many rows a sequence in the field ends.
func (g *generator) limit() uint64 {
	if g.sequence {
		if n := uint64(g.hi-g.lo) + 1; n != 0 {
			return n
		}
	}
	n := uint64(math.MaxUint64)
	for _, f := range g.fields {
		n = min(n, f.limit())
	}
	return n
}

// draw is the state of the values of one row: calls of next give independent numbers.
type draw uint64

func (g *generator) draw(row uint64) draw { return draw(mix(g.salt ^ mix(row))) }

func (d *draw) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	return mix(uint64(*d))
}

// below is a number from 0 to n-1 (0: any), by multiplication (Lemire).
func (d *draw) below(n uint64) uint64 {
	if n == 0 {
		return d.next()
	}
	hi, _ := bits.Mul64(d.next(), n)
	return hi
}

// unit is a number from 0 to below 1.
func (d *draw) unit() float64 { return float64(d.next()>>11) / (1 << 53) }

// fill makes cell i of v the value of a row, counted from 0, that arrives at atMs.
func (g *generator) fill(v *vec.Vector, i int, row uint64, atMs int64) {
	for _, p := range g.parents {
		d := p.draw(row)
		if p.nullRate > 0 && d.unit() < p.nullRate {
			v.SetNull(i)
			return
		}
	}
	v.Set(i, g.value(row, atMs))
}

// value is a row's value; its bytes are valid until the next call.
func (g *generator) value(row uint64, atMs int64) vec.Datum {
	d := g.draw(row)
	if g.nullRate > 0 && d.unit() < g.nullRate {
		return vec.NullDatum
	}
	if g.sequence {
		return g.nth(row)
	}
	switch g.t.Kind {
	case types.Boolean:
		return vec.Datum{I: int64(d.below(2))}
	case types.Float:
		return vec.Datum{F: float64(float32(g.flo + d.unit()*(g.fhi-g.flo)))}
	case types.Double:
		return vec.Datum{F: g.flo + d.unit()*(g.fhi-g.flo)}
	case types.Char, types.Varchar:
		return g.bytes(&d, true)
	case types.Binary, types.Varbinary:
		return g.bytes(&d, false)
	case types.Date:
		return vec.Datum{I: floorDiv(atMs, msPerDay)}
	case types.Time:
		ms := atMs - floorDiv(atMs, msPerDay)*msPerDay
		return vec.Datum{I: ms - ms%pow10(max(3-g.t.Prec, 0))}
	case types.Timestamp, types.TimestampLTZ:
		if g.pastMs > 0 {
			atMs -= int64(d.below(uint64(g.pastMs) + 1))
		}
		if unit := pow10(max(3-g.t.Prec, 0)); unit > 1 {
			atMs = floorDiv(atMs, unit) * unit
		}
		return vec.Datum{I: atMs * 1000}
	case types.Array, types.Map, types.Multiset, types.Row, types.Structured:
		return g.nested(row, atMs)
	case types.Null:
		return vec.NullDatum
	}
	n := g.lo + int64(d.below(uint64(g.hi-g.lo)+1))
	return vec.Datum{I: n, Hi: n >> 63}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// nth is a member of the sequence.
func (g *generator) nth(row uint64) vec.Datum {
	n := g.lo + int64(row)
	switch {
	case g.t.IsString():
		g.buf = strconv.AppendInt(g.buf[:0], n, 10)
		return vec.Datum{B: g.buf}
	case g.t.IsApprox():
		return vec.Datum{F: float64(n)}
	case g.t.Kind == types.Decimal:
		hi, lo := bits.Mul64(uint64(max(n, -n)), uint64(pow10(min(g.t.Scale, 18))))
		for range g.t.Scale - 18 {
			h, l := bits.Mul64(lo, 10)
			hi, lo = hi*10+h, l
		}
		if n < 0 {
			var borrow uint64
			lo, borrow = bits.Sub64(0, lo, 0)
			hi, _ = bits.Sub64(0, hi, borrow)
		}
		return vec.Datum{I: int64(lo), Hi: int64(hi)}
	}
	return vec.Datum{I: n}
}

func (g *generator) bytes(d *draw, hex bool) vec.Datum {
	n := g.length
	if g.varLen {
		n = 1 + int(d.below(uint64(g.length)))
	}
	g.buf = g.buf[:0]
	for len(g.buf) < n {
		w := d.next()
		for k := 0; k < 8 && len(g.buf) < n; k++ {
			c := byte(w)
			if hex {
				c = "0123456789abcdef"[c&15]
			}
			g.buf = append(g.buf, c)
			w >>= 8
		}
	}
	return vec.Datum{B: g.buf}
}

// member is a value of a collection's member or a ROW's field, copied so that several
// stand side by side.
func member(g *generator, row uint64, atMs int64) vec.Datum {
	d := g.value(row, atMs)
	if d.B != nil {
		d.B = append([]byte(nil), d.B...)
	}
	return d
}

func (g *generator) nested(row uint64, atMs int64) vec.Datum {
	g.keys, g.vals, g.buf = g.keys[:0], g.vals[:0], g.buf[:0]
	switch g.t.Kind {
	case types.Row, types.Structured:
		for _, f := range g.fields {
			g.vals = append(g.vals, member(f, row, atMs))
		}
		g.buf = vec.AppendRow(g.buf, g.t.Fields, g.vals)
		return vec.Datum{B: g.buf}
	case types.Array:
		for k := range g.length {
			g.vals = append(g.vals, member(g.elem, row*uint64(g.length)+uint64(k), atMs))
		}
		g.buf = vec.AppendArray(g.buf, *g.t.Elem, g.vals)
		return vec.Datum{B: g.buf}
	}
	for k := range g.length {
		n := row*uint64(g.length) + uint64(k)
		key := member(g.key, n, atMs)
		if !g.hasKey(key) {
			g.keys = append(g.keys, key)
			g.vals = append(g.vals, member(g.elem, n, atMs))
		}
	}
	g.buf = vec.AppendMap(g.buf, g.key.t, g.elem.t, g.keys, g.vals)
	return vec.Datum{B: g.buf}
}

func (g *generator) hasKey(d vec.Datum) bool {
	for _, k := range g.keys {
		if k.Null == d.Null && k.I == d.I && k.Hi == d.Hi && k.F == d.F && string(k.B) == string(d.B) {
			return true
		}
	}
	return false
}
