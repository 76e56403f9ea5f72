package expr

import (
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// errNotText is the error of casting bytes to a character string that they are not.
var errNotText = errors.New("the bytes are not UTF-8 text")

// caster converts one value that is not NULL; bytes of the result may refer to the
// argument or to the caster's scratch.
type caster func(d vec.Datum) (vec.Datum, error)

// castKernel converts cells; NULLs of the argument are already NULL in out.
type castKernel func(x, out *vec.Vector, n int, sel []int32)

// castExec converts its argument, by a kernel that cannot fail or else value by value.
type castExec struct {
	in     exec
	kernel castKernel
	conv   caster
	try    bool
	out    *vec.Vector
}

func newCastExec(in exec, from, to types.Type, try bool, env *Env) (exec, error) {
	if samePhysical(from, to) {
		return in, nil
	}
	e := &castExec{in: in, try: try, out: vec.New(to)}
	if e.kernel = newCastKernel(from, to); e.kernel != nil {
		return e, nil
	}
	var err error
	e.conv, err = newCaster(from, to, env)
	return e, err
}

func (e *castExec) eval(c *Ctx, b *vec.Batch, sel []int32) *vec.Vector {
	x := e.in.eval(c, b, sel)
	e.out.Reset()
	e.out.OrNulls(x)
	if e.kernel != nil {
		e.kernel(x, e.out, b.N, sel)
		return c.within(e.out, b.N, sel)
	}
	for j := range rows(b.N, sel) {
		i := row(sel, j)
		if x.IsNull(i) {
			continue
		}
		d, err := e.conv(x.Get(i))
		if err != nil {
			d.Null = true
			if !e.try {
				c.Fail(i, err)
			}
		}
		e.out.Set(i, d)
	}
	return c.within(e.out, b.N, sel)
}

// samePhysical tells that every value of one type is, unchanged, one of the other.
func samePhysical(from, to types.Type) bool {
	if from.Equal(to) || from.Kind == types.Symbol {
		return true
	}
	switch {
	case from.IsInteger() && to.IsInteger():
		return to.Kind >= from.Kind
	case from.Kind == types.Decimal && to.Kind == types.Decimal:
		return from.Scale == to.Scale && from.Prec <= to.Prec && from.Phys() == to.Phys()
	case from.IsInteger() && to.Kind == types.Decimal:
		return to.Scale == 0 && to.Prec <= 18 && to.Prec >= asDecimal(from).Prec
	case from.IsString() && to.Kind == types.Varchar, from.IsBinary() && to.Kind == types.Varbinary:
		return to.Prec >= from.Prec
	case from.Kind == to.Kind && from.IsTimestamp(), from.Kind == types.Time && to.Kind == types.Time:
		return to.Prec >= from.Prec && from.Phys() == to.Phys()
	case from.IsInterval():
		return from.Kind == to.Kind
	case from.Kind == types.Float && to.Kind == types.Double:
		return true
	case from.IsNested():
		return from.Kind == to.Kind && nestedAll(from, to, samePhysical)
	}
	return false
}

// newCastKernel is the conversion that cannot fail, cell by cell, or nil.
func newCastKernel(from, to types.Type) castKernel {
	switch {
	case from.IsInteger() && to.IsInteger():
		return func(x, out *vec.Vector, n int, sel []int32) {
			for j := range rows(n, sel) {
				i := row(sel, j)
				out.I64[i] = wrapInt(x.I64[i], to.Kind)
			}
		}
	case (from.IsInteger() || from.Kind == types.Boolean) && to.IsApprox():
		return func(x, out *vec.Vector, n int, sel []int32) {
			intsToFloats(x.I64, out.F64, n, sel)
			if to.Kind == types.Float {
				roundSingles(out.F64, n, sel)
			}
		}
	case from.IsApprox() && to.IsInteger():
		return func(x, out *vec.Vector, n int, sel []int32) {
			for j := range rows(n, sel) {
				i := row(sel, j)
				out.I64[i] = FloatToInt(x.F64[i], to.Kind)
			}
		}
	case from.Kind == types.Double && to.Kind == types.Float:
		return func(x, out *vec.Vector, n int, sel []int32) {
			for j := range rows(n, sel) {
				i := row(sel, j)
				out.F64[i] = float64(float32(x.F64[i]))
			}
		}
	case from.Kind == types.Decimal && to.IsApprox():
		return func(x, out *vec.Vector, n int, sel []int32) {
			for j := range rows(n, sel) {
				i := row(sel, j)
				out.F64[i] = decimalAt(x, i).Float(from.Scale)
			}
			if to.Kind == types.Float {
				roundSingles(out.F64, n, sel)
			}
		}
	case (from.IsInteger() || from.Kind == types.Decimal || from.Kind == types.Boolean) && to.Kind == types.Decimal:
		return func(x, out *vec.Vector, n int, sel []int32) {
			for j := range rows(n, sel) {
				i := row(sel, j)
				if d, ok := decimalAt(x, i).Rescale(from.Scale, to.Scale); ok {
					setDecimal(out, i, d)
				} else {
					out.SetNull(i)
				}
			}
		}
	}
	return newTemporalKernel(from, to)
}

// newTemporalKernel is the conversion between dates and timestamps without a zone, or nil.
func newTemporalKernel(from, to types.Type) castKernel {
	switch {
	case from.IsTimestamp() && from.Kind == to.Kind && to.Phys() == types.I64:
		unit := pow10i[6-to.Prec]
		return func(x, out *vec.Vector, n int, sel []int32) {
			for j := range rows(n, sel) {
				i := row(sel, j)
				out.I64[i] = floorDiv(x.I64[i], unit) * unit
			}
		}
	case from.IsTimestamp() && from.Kind == to.Kind:
		unit := pow10i[9-to.Prec]
		return func(x, out *vec.Vector, n int, sel []int32) {
			for j := range rows(n, sel) {
				i := row(sel, j)
				out.I64[i], out.Hi[i] = x.I64[i], 0
				if x.Phys == types.Wide {
					out.Hi[i] = x.Hi[i] / unit * unit
				}
			}
		}
	case from.Kind == types.Timestamp && to.Kind == types.Date:
		return func(x, out *vec.Vector, n int, sel []int32) {
			for j := range rows(n, sel) {
				i := row(sel, j)
				out.I64[i] = floorDiv(x.I64[i], microsPerDay)
			}
		}
	case from.Kind == types.Date && to.Kind == types.Timestamp && to.Phys() == types.I64:
		return func(x, out *vec.Vector, n int, sel []int32) {
			for j := range rows(n, sel) {
				i := row(sel, j)
				out.I64[i] = x.I64[i] * microsPerDay
			}
		}
	}
	return nil
}

func intsToFloats(x []int64, z []float64, n int, sel []int32) {
	if sel == nil {
		x, z = x[:n], z[:n]
		for i := range z {
			z[i] = float64(x[i])
		}
		return
	}
	for _, i := range sel {
		z[i] = float64(x[i])
	}
}

// FloatToInt converts as Java does: truncated, NaN is 0, saturated at the range of INT
// or BIGINT, and from INT wrapped to the smaller types.
func FloatToInt(f float64, k types.Kind) int64 {
	lo, hi := int64(math.MinInt32), int64(math.MaxInt32)
	if k == types.BigInt {
		lo, hi = math.MinInt64, math.MaxInt64
	}
	switch {
	case f != f:
		return 0
	case f >= float64(hi):
		return wrapInt(hi, k)
	case f <= float64(lo):
		return wrapInt(lo, k)
	}
	return wrapInt(int64(f), k)
}

// newCaster is the conversion of single values.
func newCaster(from, to types.Type, env *Env) (caster, error) {
	if samePhysical(from, to) {
		return func(d vec.Datum) (vec.Datum, error) { return d, nil }, nil
	}
	if to.IsString() {
		return toStringCaster(from, to, env), nil
	}
	switch {
	case isBitmap(from):
		return func(d vec.Datum) (vec.Datum, error) { return d, nil }, nil
	case from.Kind == types.Raw:
		return rawCaster(to, env)
	case from.IsString():
		var buf []byte
		return func(d vec.Datum) (vec.Datum, error) {
			if to.IsBinary() {
				b := fitBinary(buf, d.B, to)
				buf = b[:0:cap(buf)]
				return vec.BytesDatum(b), nil
			}
			return ParseDatum(d.B, to, env)
		}, nil
	case from.IsBinary() && to.IsBinary():
		return func(d vec.Datum) (vec.Datum, error) { return vec.BytesDatum(fitBinary(nil, d.B, to)), nil }, nil
	case from.IsNumeric() || from.Kind == types.Boolean:
		return numberCaster(from, to)
	case isDateOrTimestamp(from) || from.Kind == types.Time:
		return temporalCaster(from, to, zoneOf(env))
	case from.IsNested():
		return nestedCaster(from, to, env)
	}
	return nil, fmt.Errorf("cannot cast %s to %s", from.Nullable(), to.Nullable())
}

func toStringCaster(from, to types.Type, env *Env) caster {
	var buf, pad []byte
	return func(d vec.Datum) (vec.Datum, error) {
		text := d.B
		if from.IsBinary() && !utf8.Valid(text) {
			return vec.NullDatum, errNotText
		}
		if !from.IsString() && !from.IsBinary() {
			buf = FormatDatum(buf[:0], d, from, env)
			text = buf
		}
		if to.Kind == types.Char && to.Prec > len(text) && cap(pad) < to.Prec {
			pad = make([]byte, 0, to.Prec)
		}
		return vec.BytesDatum(fitString(pad, text, to)), nil
	}
}

func numberCaster(from, to types.Type) (caster, error) {
	switch {
	case to.Kind == types.Boolean:
		return func(d vec.Datum) (vec.Datum, error) { return vec.BoolDatum(d.I != 0 || d.Hi != 0 || d.F != 0), nil }, nil
	case to.IsInterval():
		unit := intervalUnit(to)
		if unit == 0 {
			return nil, fmt.Errorf("cannot cast %s to %s: an interval of one unit takes a number", from.Nullable(), to.Nullable())
		}
		return func(d vec.Datum) (vec.Datum, error) { return vec.IntDatum(d.I * unit), nil }, nil
	case from.Kind == types.Boolean && to.IsInteger():
		return func(d vec.Datum) (vec.Datum, error) { return d, nil }, nil
	case from.Kind == types.Decimal && to.IsInteger():
		return func(d vec.Datum) (vec.Datum, error) {
			x := DecimalValue(d, from)
			if from.Scale > 0 {
				x, _ = x.QuoRem(pow10[from.Scale])
			}
			return vec.IntDatum(wrapInt(int64(x.Lo), to.Kind)), nil
		}, nil
	case from.IsApprox() && to.Kind == types.Decimal:
		bits := 64
		if from.Kind == types.Float {
			bits = 32
		}
		return func(d vec.Datum) (vec.Datum, error) {
			x, ok := int128OfFloat(d.F, bits, to.Scale)
			if !ok {
				return vec.NullDatum, nil
			}
			return DecimalDatum(x, to), nil
		}, nil
	}
	// Between the other numbers the kernels convert; single values borrow them.
	k := newCastKernel(from, to)
	if k == nil {
		return nil, fmt.Errorf("cannot cast %s to %s", from.Nullable(), to.Nullable())
	}
	x, out := vec.New(from), vec.New(to)
	return func(d vec.Datum) (vec.Datum, error) {
		x.Set(0, d)
		out.Reset()
		k(x, out, 1, nil)
		return out.Get(0), nil
	}, nil
}

func temporalCaster(from, to types.Type, zone *time.Location) (caster, error) {
	// Through the local time in microseconds and nanoseconds.
	local := func(d vec.Datum) (micros, nanos int64) {
		switch from.Kind {
		case types.Date:
			return d.I * microsPerDay, 0
		case types.Time:
			return d.I * microsPerMilli, 0
		case types.TimestampLTZ:
			micros, nanos = tsParts(d, from)
			return toLocal(micros, zone), nanos
		}
		return tsParts(d, from)
	}
	switch to.Kind {
	case types.Date:
		return func(d vec.Datum) (vec.Datum, error) {
			micros, _ := local(d)
			return vec.IntDatum(floorDiv(micros, microsPerDay)), nil
		}, nil
	case types.Time:
		u := pow10i[max(0, 3-to.Prec)]
		return func(d vec.Datum) (vec.Datum, error) {
			micros, _ := local(d)
			return vec.IntDatum(floorMod(micros, microsPerDay) / microsPerMilli / u * u), nil
		}, nil
	case types.Timestamp:
		return func(d vec.Datum) (vec.Datum, error) {
			micros, nanos := local(d)
			return tsDatum(micros, nanos, to), nil
		}, nil
	case types.TimestampLTZ:
		return func(d vec.Datum) (vec.Datum, error) {
			if from.Kind == types.TimestampLTZ {
				micros, nanos := tsParts(d, from)
				return tsDatum(micros, nanos, to), nil
			}
			micros, nanos := local(d)
			return tsDatum(fromLocal(micros, zone), nanos, to), nil
		}, nil
	}
	return nil, fmt.Errorf("cannot cast %s to %s", from.Nullable(), to.Nullable())
}

func nestedCaster(from, to types.Type, env *Env) (caster, error) {
	member := func(a, b types.Type) (caster, error) {
		conv, err := newCaster(a, b, env)
		if err != nil {
			return nil, err
		}
		return func(d vec.Datum) (vec.Datum, error) {
			if d.Null {
				return d, nil
			}
			r, err := conv(d)
			// The scratch of a member is used again for the next one.
			r.B = append([]byte(nil), r.B...)
			return r, err
		}, nil
	}
	if len(from.Fields) > 0 {
		conv := make([]caster, len(from.Fields))
		for i := range conv {
			var err error
			if conv[i], err = member(from.Fields[i].Type, to.Fields[i].Type); err != nil {
				return nil, err
			}
		}
		return func(d vec.Datum) (vec.Datum, error) {
			fs, err := convertAll(vec.RowFields(d.B, from.Fields), func(i int) caster { return conv[i] })
			if err != nil {
				return vec.NullDatum, err
			}
			return vec.BytesDatum(vec.AppendRow(nil, to.Fields, fs)), nil
		}, nil
	}
	if from.Kind == types.Array {
		conv, err := member(*from.Elem, *to.Elem)
		if err != nil {
			return nil, err
		}
		return func(d vec.Datum) (vec.Datum, error) {
			es, err := convertAll(vec.Elems(d.B, *from.Elem), func(int) caster { return conv })
			if err != nil {
				return vec.NullDatum, err
			}
			return vec.BytesDatum(vec.AppendArray(nil, *to.Elem, es)), nil
		}, nil
	}
	return mapCaster(from, to, member)
}

func mapCaster(from, to types.Type, member func(a, b types.Type) (caster, error)) (caster, error) {
	fk, fv := mapTypes(from)
	tk, tv := mapTypes(to)
	kc, err := member(fk, tk)
	if err != nil {
		return nil, err
	}
	vc, err := member(fv, tv)
	if err != nil {
		return nil, err
	}
	return func(d vec.Datum) (vec.Datum, error) {
		ks, vs := vec.MapParts(d.B)
		keys, err := convertAll(vec.Elems(ks, fk), func(int) caster { return kc })
		if err != nil {
			return vec.NullDatum, err
		}
		vals, err := convertAll(vec.Elems(vs, fv), func(int) caster { return vc })
		if err != nil {
			return vec.NullDatum, err
		}
		return vec.BytesDatum(vec.AppendMap(nil, tk, tv, keys, vals)), nil
	}, nil
}

func convertAll(ds []vec.Datum, conv func(i int) caster) ([]vec.Datum, error) {
	for i := range ds {
		var err error
		if ds[i], err = conv(i)(ds[i]); err != nil {
			return nil, err
		}
	}
	return ds, nil
}

// rawCaster converts a VARIANT, held as JSON text, to a number or BOOLEAN.
func rawCaster(to types.Type, env *Env) (caster, error) {
	return func(d vec.Datum) (vec.Datum, error) {
		if string(d.B) == "null" {
			return vec.NullDatum, nil
		}
		if to.IsInteger() {
			if i, ok := parseInt(d.B); ok {
				return vec.IntDatum(wrapInt(i, to.Kind)), nil
			}
			f, ok := parseFloat(d.B, false)
			if !ok {
				return vec.NullDatum, castError(d.B, to)
			}
			return vec.IntDatum(FloatToInt(f, to.Kind)), nil
		}
		return ParseDatum(d.B, to, env)
	}, nil
}
