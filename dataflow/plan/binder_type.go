package plan

import (
	"slices"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// typeOf turns a written type into a type. Types are nullable unless NOT NULL is written.
func (b *binder) typeOf(t *sql.TypeSpec) (types.Type, error) {
	out, err := b.baseType(t)
	if err != nil {
		return out, err
	}
	return out.WithNull(t.Null == sql.NotNull), b.smallType(t.Span, out)
}

// columnType is typeOf for a column of a table, whose values a format has to write.
func (b *binder) columnType(t *sql.TypeSpec) (types.Type, error) {
	out, err := b.typeOf(t)
	if err == nil && hasRaw(out) {
		return out, b.errorf(t.Span, "a column cannot hold a VARIANT or BITMAP").
			WithHint("JSON_STRING makes a VARIANT a STRING, BITMAP_TO_BYTES a BITMAP BYTES; PARSE_JSON and BITMAP_FROM_BYTES read them again")
	}
	return out, err
}

// hasRaw tells a type whose values live within a query only.
func hasRaw(t types.Type) bool {
	switch {
	case t.Kind == types.Raw:
		return true
	case t.Key != nil && hasRaw(*t.Key), t.Elem != nil && hasRaw(*t.Elem):
		return true
	}
	return slices.ContainsFunc(t.Fields, func(f types.Field) bool { return hasRaw(f.Type) })
}

var simpleTypes = map[sql.TypeKind]types.Type{
	sql.TypeBoolean: types.TBoolean, sql.TypeTinyInt: types.TTinyInt, sql.TypeSmallInt: types.TSmallInt,
	sql.TypeInt: types.TInt, sql.TypeBigInt: types.TBigInt, sql.TypeFloat: types.TFloat,
	sql.TypeDouble: types.TDouble, sql.TypeString: types.TString, sql.TypeBytes: types.TBytes,
	sql.TypeDate: types.TDate, sql.TypeNull: types.TNull, sql.TypeBitmap: expr.Bitmap, sql.TypeVariant: expr.Variant,
}

func (b *binder) baseType(t *sql.TypeSpec) (types.Type, error) {
	if out, ok := simpleTypes[t.Kind]; ok {
		return out, nil
	}
	switch t.Kind {
	case sql.TypeDecimal:
		return b.decimalType(t)
	case sql.TypeChar, sql.TypeVarChar, sql.TypeBinary, sql.TypeVarBinary:
		return b.lengthType(t)
	case sql.TypeTime:
		p, err := b.precision(t, 0, 0, 9)
		return types.Type{Kind: types.Time, Prec: p}, err
	case sql.TypeTimestamp:
		p, err := b.precision(t, 6, 0, 9)
		return types.TimestampOf(p), err
	case sql.TypeTimestampLTZ:
		p, err := b.precision(t, 6, 0, 9)
		return types.TimestampLTZOf(p), err
	case sql.TypeInterval:
		return b.intervalType(t)
	case sql.TypeArray, sql.TypeMultiset, sql.TypeMap:
		return b.collectionType(t)
	case sql.TypeRow, sql.TypeStructured:
		return b.rowType(t)
	}
	return types.Type{}, b.errorf(t.Span, "type %s is not supported", b.src.Slice(t.Span))
}

// precision checks the number in parentheses behind a type.
func (b *binder) precision(t *sql.TypeSpec, def, low, high int) (int, error) {
	if t.Precision < 0 {
		return def, nil
	}
	if t.Precision < low || t.Precision > high {
		return 0, b.errorf(t.Span, "precision %d is out of range: expected %d to %d", t.Precision, low, high)
	}
	return t.Precision, nil
}

func (b *binder) decimalType(t *sql.TypeSpec) (types.Type, error) {
	p, err := b.precision(t, 10, 1, types.MaxDecimalPrecision)
	if err != nil {
		return types.Type{}, err
	}
	s := max(t.Scale, 0)
	if s > p {
		return types.Type{}, b.errorf(t.Span, "scale %d is greater than the precision %d", s, p)
	}
	return types.DecimalOf(p, s), nil
}

func (b *binder) lengthType(t *sql.TypeSpec) (types.Type, error) {
	kind := map[sql.TypeKind]types.Kind{
		sql.TypeChar: types.Char, sql.TypeVarChar: types.Varchar,
		sql.TypeBinary: types.Binary, sql.TypeVarBinary: types.Varbinary,
	}[t.Kind]
	def := 1
	if t.Kind == sql.TypeVarChar || t.Kind == sql.TypeVarBinary {
		def = types.MaxLength // Flink reads VARCHAR without a length as STRING, VARBINARY as BYTES
	}
	n, err := b.precision(t, def, 1, types.MaxLength)
	return types.Type{Kind: kind, Prec: n}, err
}

func (b *binder) intervalType(t *sql.TypeSpec) (types.Type, error) {
	q := t.Interval
	if q == nil {
		return types.Type{}, b.errorf(t.Span, "INTERVAL needs a range such as DAY TO SECOND")
	}
	if monthUnit(q.From) > 0 {
		return types.Type{Kind: types.IntervalYM, Unit: qualifierText(q)}, nil
	}
	if milliUnit(q.From) > 0 {
		return types.Type{Kind: types.IntervalDS, Prec: 3, Unit: qualifierText(q)}, nil
	}
	return types.Type{}, b.errorf(q.Span, "an INTERVAL of %s is not supported", q.From)
}

func (b *binder) collectionType(t *sql.TypeSpec) (types.Type, error) {
	elem, err := b.typeOf(t.Elem)
	if err != nil {
		return elem, err
	}
	switch t.Kind {
	case sql.TypeArray:
		return types.ArrayOf(elem), nil
	case sql.TypeMultiset:
		return types.MultisetOf(elem), nil
	}
	key, err := b.typeOf(t.Key)
	return types.MapOf(key, elem), err
}

func (b *binder) rowType(t *sql.TypeSpec) (types.Type, error) {
	out := types.Type{Kind: types.Row}
	if t.Kind == sql.TypeStructured {
		out.Kind, out.Class = types.Structured, t.Class
	}
	seen := map[string]bool{}
	for i, f := range t.Fields {
		name := "f" + strconv.Itoa(i)
		if f.Name != nil {
			name = f.Name.Name
		}
		if seen[name] {
			return out, b.errorf(f.Span, "field %s is there twice", name)
		}
		seen[name] = true
		ft, err := b.typeOf(f.Type)
		if err != nil {
			return out, err
		}
		out.Fields = append(out.Fields, types.Field{Name: name, Type: ft})
	}
	return out, nil
}
