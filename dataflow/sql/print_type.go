package sql

import "strings"

// typeKindNames are the names of the kinds as Flink writes them.
var typeKindNames = [...]string{
	TypeBoolean: "BOOLEAN", TypeTinyInt: "TINYINT", TypeSmallInt: "SMALLINT", TypeInt: "INT", TypeBigInt: "BIGINT",
	TypeFloat: "FLOAT", TypeDouble: "DOUBLE", TypeDecimal: "DECIMAL", TypeChar: "CHAR", TypeVarChar: "VARCHAR",
	TypeString: "STRING", TypeBinary: "BINARY", TypeVarBinary: "VARBINARY", TypeBytes: "BYTES", TypeDate: "DATE",
	TypeTime: "TIME", TypeTimestamp: "TIMESTAMP", TypeTimestampLTZ: "TIMESTAMP_LTZ", TypeTimestampTZ: "TIMESTAMP",
	TypeInterval: "INTERVAL", TypeArray: "ARRAY", TypeMultiset: "MULTISET", TypeMap: "MAP", TypeRow: "ROW",
	TypeRaw: "RAW", TypeStructured: "STRUCTURED", TypeVariant: "VARIANT", TypeBitmap: "BITMAP",
	TypeDescriptor: "DESCRIPTOR", TypeNull: "NULL", TypeNamed: "",
}

// String returns the kind's name in Flink's SQL.
func (k TypeKind) String() string {
	if int(k) < len(typeKindNames) {
		return typeKindNames[k]
	}
	return ""
}

func (p *printer) typeSpec(t *TypeSpec) {
	p.w(t.Kind.String())
	switch {
	case t.Precision >= 0 && t.Scale >= 0:
		p.w("(", itoa(t.Precision), ", ", itoa(t.Scale), ")")
	case t.Precision >= 0:
		p.w("(", itoa(t.Precision), ")")
	}
	switch t.Kind {
	case TypeTimestampTZ:
		p.w(" WITH TIME ZONE")
	case TypeInterval:
		p.w(" ")
		p.qualifier(t.Interval)
	case TypeArray, TypeMultiset:
		p.w("<")
		p.typeSpec(t.Elem)
		p.w(">")
	case TypeMap:
		p.w("<")
		p.typeSpec(t.Key)
		p.w(", ")
		p.typeSpec(t.Elem)
		p.w(">")
	case TypeRow:
		p.w("<")
		list(p, t.Fields, p.typeField)
		p.w(">")
	case TypeRaw:
		p.w("(", QuoteString(t.Class), ", ", QuoteString(t.Snapshot), ")")
	case TypeStructured:
		p.w("<", QuoteString(t.Class))
		for _, f := range t.Fields {
			p.w(", ")
			p.typeField(f)
		}
		p.w(">")
	case TypeNamed:
		p.typeName(t.Name)
	}
	switch t.Null {
	case NotNull:
		p.w(" NOT NULL")
	case Nullable:
		p.w(" NULL")
	}
}

// typeName writes a user's type so that it is not read as a built-in one.
func (p *printer) typeName(n *Name) {
	if len(n.Parts) == 1 {
		p.ident(&Ident{Name: n.Parts[0].Name, Quoted: true})
		return
	}
	p.name(n)
}

func (p *printer) typeField(f *TypeField) {
	if f.Name != nil {
		if _, isType := typeWords[strings.ToUpper(f.Name.Name)]; isType {
			p.ident(&Ident{Name: f.Name.Name, Quoted: true})
		} else {
			p.ident(f.Name)
		}
		p.w(" ")
	}
	p.typeSpec(f.Type)
	if f.Comment != nil {
		p.w(" ")
		p.literal(f.Comment)
	}
}
