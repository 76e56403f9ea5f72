package sql

// TypeKind is the root of a written type; synonyms are folded (INTEGER is
// TypeInt, NUMERIC is TypeDecimal).
type TypeKind uint8

// Kinds of types.
const (
	TypeBoolean TypeKind = iota + 1
	TypeTinyInt
	TypeSmallInt
	TypeInt
	TypeBigInt
	TypeFloat
	TypeDouble
	TypeDecimal
	TypeChar
	TypeVarChar
	TypeString // STRING: VARCHAR of the greatest length
	TypeBinary
	TypeVarBinary
	TypeBytes // BYTES: VARBINARY of the greatest length
	TypeDate
	TypeTime
	TypeTimestamp
	TypeTimestampLTZ
	TypeTimestampTZ
	TypeInterval
	TypeArray
	TypeMultiset
	TypeMap
	TypeRow
	TypeRaw
	TypeStructured
	TypeVariant
	TypeBitmap
	TypeDescriptor
	TypeNull
	TypeNamed // a user's type by name
)

// Nullability is NULL or NOT NULL behind a type.
type Nullability uint8

// Nullabilities. The default is nullable.
const (
	NullabilityDefault Nullability = iota
	Nullable
	NotNull
)

// TypeSpec is a written type.
type TypeSpec struct {
	Span
	Kind TypeKind
	Null Nullability

	// Precision is the length of CHAR, VARCHAR, BINARY and VARBINARY, the
	// precision of DECIMAL and the fractional digits of TIME and TIMESTAMP; Scale
	// is DECIMAL's. -1 where not written.
	Precision, Scale int

	Interval *IntervalQualifier // TypeInterval
	Elem     *TypeSpec          // TypeArray, TypeMultiset; the value of TypeMap
	Key      *TypeSpec          // TypeMap
	Fields   []*TypeField       // TypeRow, TypeStructured
	Name     *Name              // TypeNamed
	Class    string             // TypeStructured, TypeRaw: the class
	Snapshot string             // TypeRaw: the serializer's snapshot
}

// TypeField is one field of a ROW. Name is nil for an anonymous one
// (ROW<INT, STRING>).
type TypeField struct {
	Span
	Name    *Ident
	Type    *TypeSpec
	Comment *StringLit
}
