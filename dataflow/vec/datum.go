package vec

import "github.com/edgeflow/edgeflow/dataflow/types"

// Datum is one value out of its vector; which fields count follows from the type's
// physical class. B may refer to the vector's buffers.
type Datum struct {
	B    []byte
	I    int64
	Hi   int64
	F    float64
	Null bool
}

// NullDatum is NULL.
var NullDatum = Datum{Null: true}

// IntDatum is a value of class types.I64.
func IntDatum(i int64) Datum { return Datum{I: i} }

// BoolDatum is a BOOLEAN.
func BoolDatum(b bool) Datum {
	if b {
		return Datum{I: 1}
	}
	return Datum{}
}

// FloatDatum is a value of class types.F64.
func FloatDatum(f float64) Datum { return Datum{F: f} }

// BytesDatum is a value of class types.Bytes.
func BytesDatum(b []byte) Datum { return Datum{B: b} }

// StringDatum is a string.
func StringDatum(s string) Datum { return Datum{B: []byte(s)} }

// Bool is the truth of a BOOLEAN that is not NULL.
func (d Datum) Bool() bool { return d.I != 0 }

// Get is cell i as a datum; its bytes refer to the vector's buffers.
func (v *Vector) Get(i int) Datum {
	if v.IsNull(i) {
		return NullDatum
	}
	switch v.Phys {
	case types.I64:
		return Datum{I: v.I64[i]}
	case types.F64:
		return Datum{F: v.F64[i]}
	case types.Wide:
		return Datum{I: v.I64[i], Hi: v.Hi[i]}
	default:
		return Datum{B: v.Bytes(i)}
	}
}

// Set makes a datum cell i, copying its bytes.
func (v *Vector) Set(i int, d Datum) {
	if d.Null {
		v.SetNull(i)
		return
	}
	v.SetNotNull(i)
	switch v.Phys {
	case types.I64:
		v.I64[i] = d.I
	case types.F64:
		v.F64[i] = d.F
	case types.Wide:
		v.I64[i], v.Hi[i] = d.I, d.Hi
	default:
		v.SetBytes(i, d.B)
	}
}
