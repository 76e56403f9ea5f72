package sql

// typeWords maps the words that are types by themselves; those with parameters
// are handled in typeWord.
var typeWords = map[string]TypeKind{
	"BOOLEAN": TypeBoolean, "TINYINT": TypeTinyInt, "SMALLINT": TypeSmallInt, "INT": TypeInt, "INTEGER": TypeInt,
	"BIGINT": TypeBigInt, "FLOAT": TypeFloat, "DOUBLE": TypeDouble, "DECIMAL": TypeDecimal, "DEC": TypeDecimal,
	"NUMERIC": TypeDecimal, "CHAR": TypeChar, "CHARACTER": TypeChar, "VARCHAR": TypeVarChar, "STRING": TypeString,
	"BINARY": TypeBinary, "VARBINARY": TypeVarBinary, "BYTES": TypeBytes, "DATE": TypeDate, "TIME": TypeTime,
	"TIMESTAMP": TypeTimestamp, "TIMESTAMP_LTZ": TypeTimestampLTZ, "INTERVAL": TypeInterval, "ARRAY": TypeArray,
	"MULTISET": TypeMultiset, "MAP": TypeMap, "ROW": TypeRow, "RAW": TypeRaw, "STRUCTURED": TypeStructured,
	"VARIANT": TypeVariant, "BITMAP": TypeBitmap, "DESCRIPTOR": TypeDescriptor, "NULL": TypeNull,
}

// typeNames lists the words of typeWords for suggestions.
var typeNames = []string{"BOOLEAN", "TINYINT", "SMALLINT", "INT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL",
	"NUMERIC", "CHAR", "VARCHAR", "STRING", "BINARY", "VARBINARY", "BYTES", "DATE", "TIME", "TIMESTAMP",
	"TIMESTAMP_LTZ", "INTERVAL", "ARRAY", "MULTISET", "MAP", "ROW", "RAW", "VARIANT"}

// typeSpec reads a type with its nullability and collection suffixes.
func (p *parser) typeSpec() *TypeSpec {
	p.enter()
	start := p.pos()
	t := p.typeWord()
	t.Null = p.nullability()
	t.Span = p.from(start)
	for p.isAny("ARRAY", "MULTISET") {
		kind := typeWords[p.next().word]
		t = &TypeSpec{Kind: kind, Precision: -1, Scale: -1, Elem: t}
		t.Null = p.nullability()
		t.Span = p.from(start)
		p.step()
	}
	p.leave()
	return t
}

func (p *parser) nullability() Nullability {
	switch {
	case p.accept("NOT", "NULL"):
		return NotNull
	case p.is("NULL") && !p.is("NULL", "ON"): // RETURNING INT NULL ON EMPTY
		p.i++
		return Nullable
	}
	return NullabilityDefault
}

// typeWord reads a type without its nullability.
func (p *parser) typeWord() *TypeSpec {
	t := p.tok()
	kind := TypeKind(0)
	if t.kind == tokenWord {
		kind = typeWords[t.word]
	}
	s := &TypeSpec{Kind: kind, Precision: -1, Scale: -1}
	if kind == 0 {
		if t.kind == tokenQuoted || t.kind == tokenWord && !reserved[t.word] && isOp(p.peek(1), ".") {
			s.Kind = TypeNamed
			s.Name = p.name("a type")
			return s
		}
		p.failType(t)
	}
	p.i++
	switch kind {
	case TypeDouble:
		p.accept("PRECISION")
	case TypeChar, TypeBinary:
		if p.accept("VARYING") {
			s.Kind++ // VARCHAR, VARBINARY
		}
		p.typePrecision(s, false)
	case TypeVarChar, TypeVarBinary, TypeTimestampLTZ:
		p.typePrecision(s, false)
	case TypeDecimal:
		p.typePrecision(s, true)
	case TypeTime:
		p.typePrecision(s, false)
		p.accept("WITHOUT", "TIME", "ZONE")
	case TypeTimestamp:
		p.typePrecision(s, false)
		p.timeZone(s)
	case TypeInterval:
		s.Interval = p.intervalQualifier()
	case TypeArray, TypeMultiset:
		p.expectOp("<")
		s.Elem = p.typeSpec()
		p.expectOp(">")
	case TypeMap:
		p.expectOp("<")
		s.Key = p.typeSpec()
		p.expectOp(",")
		s.Elem = p.typeSpec()
		p.expectOp(">")
	case TypeRow:
		p.rowFields(s)
	case TypeRaw:
		p.expectOp("(")
		s.Class = p.stringLit("a class name in quotes").Value
		p.expectOp(",")
		s.Snapshot = p.stringLit("a serializer in quotes").Value
		p.expectOp(")")
	case TypeStructured:
		p.structured(s)
	}
	return s
}

func (p *parser) failType(t *token) {
	if t.kind != tokenWord {
		p.unexpected("a type")
	}
	p.failError(Errorf(p.src, t.Span, "expected a type, found %s", found(t)).WithNearest(t.word, typeNames))
}

// typePrecision reads (p) or, with scale, (p[, s]).
func (p *parser) typePrecision(s *TypeSpec, scale bool) {
	if !p.acceptOp("(") {
		return
	}
	s.Precision = p.smallInt("a length or precision")
	if scale && p.acceptOp(",") {
		s.Scale = p.smallInt("a scale")
	}
	p.expectOp(")")
}

// timeZone reads WITHOUT TIME ZONE, WITH TIME ZONE or WITH LOCAL TIME ZONE.
func (p *parser) timeZone(s *TypeSpec) {
	switch {
	case p.accept("WITHOUT", "TIME", "ZONE"):
	case p.accept("WITH", "LOCAL", "TIME", "ZONE"):
		s.Kind = TypeTimestampLTZ
	case p.accept("WITH", "TIME", "ZONE"):
		s.Kind = TypeTimestampTZ
	}
}

// rowFields reads <n t 'comment', ...>, <t, ...> or the same in parentheses.
func (p *parser) rowFields(s *TypeSpec) {
	closing := ">"
	switch {
	case p.acceptOp("<>"):
		return
	case p.acceptOp("("):
		closing = ")"
	default:
		p.expectOp("<", quote("("))
	}
	if p.acceptOp(closing) {
		return
	}
	for {
		s.Fields = append(s.Fields, p.typeField())
		if !p.acceptOp(",") {
			break
		}
	}
	p.expectOp(closing, quote(","))
}

func (p *parser) typeField() *TypeField {
	start := p.pos()
	f := &TypeField{}
	if p.atFieldName() {
		f.Name = p.fieldIdent()
	}
	f.Type = p.typeSpec()
	if p.tok().kind == tokenString {
		f.Comment = p.stringTokens()
	}
	f.Span = p.from(start)
	return f
}

// atFieldName tells whether a field of a row starts with its name, and not with
// the type of an anonymous field: whether a second word follows that cannot
// belong to a type that the first word is.
func (p *parser) atFieldName() bool {
	t, after := p.tok(), p.peek(1)
	if after.kind != tokenWord && after.kind != tokenQuoted {
		return false
	}
	if t.kind == tokenQuoted {
		return true
	}
	if t.kind != tokenWord || typeWords[t.word] == 0 {
		return t.kind == tokenWord
	}
	switch after.word {
	case "NOT", "NULL", "PRECISION", "VARYING", "WITH", "WITHOUT":
		return false
	case "ARRAY", "MULTISET":
		return isOp(p.peek(2), "<")
	}
	return t.word != "INTERVAL" || units[after.word] == ""
}

// structured reads <'Class', f t, ...>.
func (p *parser) structured(s *TypeSpec) {
	p.expectOp("<")
	s.Class = p.stringLit("a class name in quotes").Value
	for p.acceptOp(",") {
		start := p.pos()
		f := &TypeField{Name: p.fieldIdent()}
		f.Type = p.typeSpec()
		if p.tok().kind == tokenString {
			f.Comment = p.stringTokens()
		}
		f.Span = p.from(start)
		s.Fields = append(s.Fields, f)
	}
	p.expectOp(">", quote(","))
}
