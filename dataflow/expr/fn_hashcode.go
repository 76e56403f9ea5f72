package expr

import (
	"math"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	Register(rowDef{name: "HASH_CODE", sig: "HASH_CODE(x)", category: "hash",
		doc: "The hash code that Java gives a BOOLEAN, number, DATE, TIME or character string; that of a string without its sign.",
		args: []argSpec{argOf("a BOOLEAN, an integer, FLOAT, DOUBLE, DATE, TIME or character string", types.TString, func(t types.Type) bool {
			return t.IsString() || t.IsInteger() || t.IsApprox() || t.Kind == types.Boolean || t.Kind == types.Date || t.Kind == types.Time
		})("x")}, result: ifArgs(types.TInt), row: func(c *RowCtx, args []vec.Datum) (vec.Datum, error) {
			return vec.IntDatum(int64(hashCode(c.ArgTypes[0], args[0]))), nil
		}}.fn())
}

// hashCode follows the hashCode methods of java.lang.
func hashCode(t types.Type, d vec.Datum) int32 {
	switch t.Kind {
	case types.Char, types.Varchar:
		h := stringHash(d.B)
		if h < 0 {
			h = -h
		}
		return h
	case types.Boolean:
		if d.Bool() {
			return 1231
		}
		return 1237
	case types.BigInt:
		return int32(d.I ^ int64(uint64(d.I)>>32))
	case types.Float:
		return int32(math.Float32bits(float32(d.F)))
	case types.Double:
		u := math.Float64bits(d.F)
		return int32(u ^ u>>32)
	}
	return int32(d.I)
}

// stringHash is java.lang.String.hashCode: over UTF-16 units.
func stringHash(s []byte) int32 {
	h := int32(0)
	for len(s) > 0 {
		r, w := utf8.DecodeRune(s)
		s = s[w:]
		if r > 0xFFFF {
			hi, lo := utf16.EncodeRune(r)
			h = 31*h + hi
			r = lo
		}
		h = 31*h + r
	}
	return h
}
