package types

import (
	"strconv"
	"strings"
)

// TimeAttr marks a timestamp column as a time attribute.
type TimeAttr uint8

// A column is no time attribute, the event time that a watermark follows, or processing time.
const (
	NoTime TimeAttr = iota
	RowTime
	ProcTime
)

// Type is a logical type. The zero Type is invalid.
type Type struct {
	Kind    Kind
	NotNull bool
	// Prec is the length of CHAR, VARCHAR, BINARY and VARBINARY, the precision of DECIMAL,
	// TIME, TIMESTAMP, TIMESTAMP_LTZ, and the fractional precision of INTERVAL DAY TO SECOND.
	Prec int
	// Scale is that of DECIMAL.
	Scale int
	// Attr marks a time attribute.
	Attr TimeAttr
	// Unit is the printed range of an interval ("YEAR TO MONTH", "SECOND(3)"); it does not
	// take part in Equal.
	Unit string
	// Key is a MAP's key type, Elem the element type of ARRAY and MULTISET and a MAP's value type.
	Key, Elem *Type
	// Fields are those of ROW and STRUCTURED.
	Fields []Field
	// Class is the name of a STRUCTURED type.
	Class string
}

// Field is a named member of a ROW.
type Field struct {
	Name string
	Type Type
}

// Constructors of the nullable types; Required makes them NOT NULL.
var (
	TNull     = Type{Kind: Null}
	TBoolean  = Type{Kind: Boolean}
	TTinyInt  = Type{Kind: TinyInt}
	TSmallInt = Type{Kind: SmallInt}
	TInt      = Type{Kind: Int}
	TBigInt   = Type{Kind: BigInt}
	TFloat    = Type{Kind: Float}
	TDouble   = Type{Kind: Double}
	TString   = Type{Kind: Varchar, Prec: MaxLength}
	TBytes    = Type{Kind: Varbinary, Prec: MaxLength}
	TDate     = Type{Kind: Date}
	TTime     = Type{Kind: Time}
	TSymbol   = Type{Kind: Symbol, NotNull: true}
)

// DecimalOf is DECIMAL(p, s).
func DecimalOf(p, s int) Type { return Type{Kind: Decimal, Prec: p, Scale: s} }

// CharOf is CHAR(n).
func CharOf(n int) Type { return Type{Kind: Char, Prec: n} }

// VarcharOf is VARCHAR(n).
func VarcharOf(n int) Type { return Type{Kind: Varchar, Prec: n} }

// BinaryOf is BINARY(n).
func BinaryOf(n int) Type { return Type{Kind: Binary, Prec: n} }

// VarbinaryOf is VARBINARY(n).
func VarbinaryOf(n int) Type { return Type{Kind: Varbinary, Prec: n} }

// TimestampOf is TIMESTAMP(p).
func TimestampOf(p int) Type { return Type{Kind: Timestamp, Prec: p} }

// TimestampLTZOf is TIMESTAMP_LTZ(p).
func TimestampLTZOf(p int) Type { return Type{Kind: TimestampLTZ, Prec: p} }

// ArrayOf is ARRAY<elem>.
func ArrayOf(elem Type) Type { return Type{Kind: Array, Elem: &elem} }

// MapOf is MAP<key, value>.
func MapOf(key, value Type) Type { return Type{Kind: Map, Key: &key, Elem: &value} }

// MultisetOf is MULTISET<elem>.
func MultisetOf(elem Type) Type { return Type{Kind: Multiset, Elem: &elem} }

// RowOf is ROW<fields...>.
func RowOf(fields ...Field) Type { return Type{Kind: Row, Fields: fields} }

// Required is the type with NOT NULL.
func (t Type) Required() Type { t.NotNull = true; return t }

// Nullable is the type without NOT NULL.
func (t Type) Nullable() Type { t.NotNull = false; return t }

// WithNull is the type, NOT NULL only when notNull says so.
func (t Type) WithNull(notNull bool) Type { t.NotNull = notNull; return t }

// Plain is the type without its time attribute.
func (t Type) Plain() Type { t.Attr = NoTime; return t }

// Phys is the physical class of a column of this type.
func (t Type) Phys() Phys {
	switch t.Kind {
	case Float, Double:
		return F64
	case Decimal:
		if t.Prec > 18 {
			return Wide
		}
		return I64
	case Timestamp, TimestampLTZ:
		if t.Prec > 6 {
			return Wide
		}
		return I64
	case Char, Varchar, Binary, Varbinary, Array, Map, Multiset, Row, Structured, Symbol, Raw:
		return Bytes
	default:
		return I64
	}
}

// IsString tells CHAR and VARCHAR, IsBinary BINARY and VARBINARY.
func (t Type) IsString() bool { return t.Kind == Char || t.Kind == Varchar }

// IsBinary tells BINARY and VARBINARY.
func (t Type) IsBinary() bool { return t.Kind == Binary || t.Kind == Varbinary }

// IsInteger tells TINYINT to BIGINT.
func (t Type) IsInteger() bool { return t.Kind >= TinyInt && t.Kind <= BigInt }

// IsExact tells the integers and DECIMAL.
func (t Type) IsExact() bool { return t.IsInteger() || t.Kind == Decimal }

// IsApprox tells FLOAT and DOUBLE.
func (t Type) IsApprox() bool { return t.Kind == Float || t.Kind == Double }

// IsNumeric tells the exact and the approximate numbers.
func (t Type) IsNumeric() bool { return t.IsExact() || t.IsApprox() }

// IsTimestamp tells TIMESTAMP and TIMESTAMP_LTZ.
func (t Type) IsTimestamp() bool { return t.Kind == Timestamp || t.Kind == TimestampLTZ }

// IsInterval tells the two interval types.
func (t Type) IsInterval() bool { return t.Kind == IntervalYM || t.Kind == IntervalDS }

// IsNested tells the types whose values are encoded (see package vec).
func (t Type) IsNested() bool { return t.Kind >= Array && t.Kind <= Structured }

// IsTimeAttr tells a time attribute.
func (t Type) IsTimeAttr() bool { return t.Attr != NoTime }

// Equal compares two types without regard to nullability at the top level, to time
// attributes, and to the printed unit of intervals.
func (t Type) Equal(o Type) bool {
	if t.Kind != o.Kind || t.Class != o.Class || len(t.Fields) != len(o.Fields) {
		return false
	}
	switch t.Kind {
	case Decimal:
		if t.Prec != o.Prec || t.Scale != o.Scale {
			return false
		}
	case Char, Varchar, Binary, Varbinary, Time, Timestamp, TimestampLTZ:
		if t.Prec != o.Prec {
			return false
		}
	}
	if !samePointee(t.Key, o.Key) || !samePointee(t.Elem, o.Elem) {
		return false
	}
	for i := range t.Fields {
		a, b := t.Fields[i], o.Fields[i]
		if a.Name != b.Name || a.Type.NotNull != b.Type.NotNull || !a.Type.Equal(b.Type) {
			return false
		}
	}
	return true
}

func samePointee(a, b *Type) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.NotNull == b.NotNull && a.Equal(*b)
}

// FieldIndex finds a field by name, or is -1.
func (t Type) FieldIndex(name string) int {
	for i := range t.Fields {
		if t.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// String prints the type as Flink's summary does: `ROW<`a` INT NOT NULL>`.
func (t Type) String() string {
	s := t.base()
	if t.NotNull && t.Kind != Symbol {
		s += " NOT NULL"
	}
	switch t.Attr {
	case RowTime:
		s += " *ROWTIME*"
	case ProcTime:
		s += " *PROCTIME*"
	}
	return s
}

func (t Type) base() string {
	num := func(name string, n int) string { return name + "(" + strconv.Itoa(n) + ")" }
	switch t.Kind {
	case Varchar:
		if t.Prec == MaxLength {
			return "STRING"
		}
		return num("VARCHAR", t.Prec)
	case Varbinary:
		if t.Prec == MaxLength {
			return "BYTES"
		}
		return num("VARBINARY", t.Prec)
	case Char, Binary, Time, Timestamp, TimestampLTZ:
		return num(t.Kind.String(), t.Prec)
	case Decimal:
		return "DECIMAL(" + strconv.Itoa(t.Prec) + ", " + strconv.Itoa(t.Scale) + ")"
	case IntervalYM, IntervalDS:
		if t.Unit != "" {
			return "INTERVAL " + t.Unit
		}
		return t.Kind.String()
	case Array, Multiset:
		return t.Kind.String() + "<" + t.Elem.String() + ">"
	case Map:
		return "MAP<" + t.Key.String() + ", " + t.Elem.String() + ">"
	case Row, Structured:
		return t.rowString()
	case Raw:
		if t.Class != "" {
			return t.Class
		}
		return t.Kind.String()
	default:
		return t.Kind.String()
	}
}

func (t Type) rowString() string {
	var b strings.Builder
	b.WriteString(t.Kind.String())
	b.WriteByte('<')
	if t.Kind == Structured {
		b.WriteString("'" + t.Class + "'")
		if len(t.Fields) > 0 {
			b.WriteString(", ")
		}
	}
	for i, f := range t.Fields {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("`" + strings.ReplaceAll(f.Name, "`", "``") + "` " + f.Type.String())
	}
	b.WriteByte('>')
	return b.String()
}
