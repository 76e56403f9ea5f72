package types

// Kind is the family of a logical type, without its parameters.
type Kind uint8

// The kinds, in Flink's order. Null is the type of a bare NULL literal, Symbol that of
// keyword arguments such as the unit of TIMESTAMPADD, Structured a named ROW.
const (
	Invalid Kind = iota
	Null
	Boolean
	TinyInt
	SmallInt
	Int
	BigInt
	Float
	Double
	Decimal
	Char
	Varchar
	Binary
	Varbinary
	Date
	Time
	Timestamp
	TimestampLTZ
	IntervalYM
	IntervalDS
	Array
	Map
	Multiset
	Row
	Structured
	Symbol
	Raw
)

var kindNames = [...]string{
	Invalid: "INVALID", Null: "NULL", Boolean: "BOOLEAN", TinyInt: "TINYINT", SmallInt: "SMALLINT",
	Int: "INT", BigInt: "BIGINT", Float: "FLOAT", Double: "DOUBLE", Decimal: "DECIMAL",
	Char: "CHAR", Varchar: "VARCHAR", Binary: "BINARY", Varbinary: "VARBINARY", Date: "DATE",
	Time: "TIME", Timestamp: "TIMESTAMP", TimestampLTZ: "TIMESTAMP_LTZ", IntervalYM: "INTERVAL YEAR TO MONTH",
	IntervalDS: "INTERVAL DAY TO SECOND", Array: "ARRAY", Map: "MAP", Multiset: "MULTISET", Row: "ROW",
	Structured: "STRUCTURED", Symbol: "SYMBOL", Raw: "RAW",
}

// String is the kind's SQL name.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "INVALID"
}

// Phys is the physical class of a column: which of a vector's slices holds its cells.
type Phys uint8

const (
	// I64 holds BOOLEAN (0, 1), the integers, DATE (days since 1970), TIME (milliseconds
	// of the day), TIMESTAMP and TIMESTAMP_LTZ with p <= 6 (microseconds since 1970),
	// INTERVAL YEAR TO MONTH (months), INTERVAL DAY TO SECOND (milliseconds), and DECIMAL
	// with p <= 18 (unscaled).
	I64 Phys = iota
	// F64 holds FLOAT (rounded to 32 bits after each operation) and DOUBLE.
	F64
	// Wide holds 128 bits: DECIMAL with p > 18 (unscaled two's complement, Hi:I64), and
	// timestamps with p > 6 (I64 microseconds since 1970, Hi nanoseconds 0..999 within).
	Wide
	// Bytes holds CHAR, VARCHAR, BINARY, VARBINARY, and the encoded form of ARRAY, MAP,
	// MULTISET, ROW and STRUCTURED values (see package vec).
	Bytes
)

// MaxLength is the length of STRING and BYTES.
const MaxLength = 1<<31 - 1

// MaxDecimalPrecision is the largest precision of DECIMAL.
const MaxDecimalPrecision = 38
