package format

import (
	"fmt"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// op is what a decoder or encoder does for a type: the type's family and physical class
// in one number to branch on.
type op uint8

const (
	opNull op = iota
	opBool
	opInt
	opFloat
	opDouble
	opDecimal
	opDecimalWide
	opString
	opBytes
	opDate
	opTime
	opTimestamp
	opTimestampWide
	opArray
	opMap
	opMultiset
	opRow
)

// ctype is a type compiled for decoding and encoding.
type ctype struct {
	t  types.Type
	op op
	// lo and hi bound opInt. truncates tells that a number with a fraction is cut to an
	// integer instead of refused, as Flink does for INT and BIGINT.
	lo, hi    int64
	truncates bool
	// ltz is TIMESTAMP_LTZ, prec the fractional digits kept of a TIME or timestamp.
	ltz  bool
	prec int
	std  timeStandard
	// want says in errors what is expected.
	want string
	// elem is the element of ARRAY and MULTISET or the value of MAP, key a MAP's key.
	elem, key *ctype
	fields    []*ctype
	// keys resolves the field names of a ROW.
	keys keyset
}

// compileType refuses types that no format holds.
func compileType(t types.Type, std timeStandard) (*ctype, error) {
	c := &ctype{t: t, std: std, prec: t.Prec, want: "of type " + t.Nullable().Plain().String()}
	switch t.Kind {
	case types.Null:
		c.op = opNull
	case types.Boolean:
		c.op = opBool
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.IntervalYM, types.IntervalDS:
		c.op = opInt
		c.lo, c.hi = intRange(t.Kind)
		c.truncates = t.Kind != types.TinyInt && t.Kind != types.SmallInt
	case types.Float:
		c.op = opFloat
	case types.Double:
		c.op = opDouble
	case types.Decimal:
		c.op = opDecimal
		if t.Phys() == types.Wide {
			c.op = opDecimalWide
		}
	case types.Char, types.Varchar:
		c.op = opString
	case types.Binary, types.Varbinary:
		c.op = opBytes
		c.want += " in base64"
	case types.Date:
		c.op = opDate
		c.want += " as yyyy-MM-dd"
	case types.Time:
		c.op = opTime
		c.want += " as HH:mm:ss[.f]"
	case types.Timestamp, types.TimestampLTZ:
		c.op = opTimestamp
		if t.Phys() == types.Wide {
			c.op = opTimestampWide
		}
		c.ltz = t.Kind == types.TimestampLTZ
		c.want += " as " + timestampForm(std, c.ltz)
	default:
		return c, c.compileNested()
	}
	return c, nil
}

func (c *ctype) compileNested() (err error) {
	switch c.t.Kind {
	case types.Array:
		c.op = opArray
		c.elem, err = compileType(*c.t.Elem, c.std)
	case types.Map:
		c.op = opMap
		if c.key, err = compileType(*c.t.Key, c.std); err == nil {
			c.elem, err = compileType(*c.t.Elem, c.std)
		}
	case types.Multiset:
		c.op = opMultiset
		if c.key, err = compileType(*c.t.Elem, c.std); err == nil {
			c.elem, err = compileType(types.TInt, c.std)
		}
	case types.Row, types.Structured:
		c.op = opRow
		for _, f := range c.t.Fields {
			k, err := compileType(f.Type, c.std)
			if err != nil {
				return fmt.Errorf("field %s: %w", f.Name, err)
			}
			c.fields = append(c.fields, k)
			c.keys.add(f.Name)
		}
	default:
		return fmt.Errorf("type %s has no form in this format", c.t)
	}
	return err
}

// intRange are the bounds of an integer or interval kind.
func intRange(k types.Kind) (lo, hi int64) {
	switch k {
	case types.TinyInt:
		return math.MinInt8, math.MaxInt8
	case types.SmallInt:
		return math.MinInt16, math.MaxInt16
	case types.Int, types.IntervalYM:
		return math.MinInt32, math.MaxInt32
	default:
		return math.MinInt64, math.MaxInt64
	}
}

func timestampForm(std timeStandard, ltz bool) string {
	form := "yyyy-MM-dd HH:mm:ss[.f]"
	if std != standardSQL {
		form = "yyyy-MM-ddTHH:mm:ss[.f]"
	}
	if ltz {
		form += "Z"
	}
	return form
}
