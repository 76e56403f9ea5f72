package sql

// create reads a CREATE statement.
func (p *parser) create() Statement {
	start := p.pos()
	p.expect("CREATE")
	replace := p.accept("OR", "REPLACE")
	temporary := p.accept("TEMPORARY")
	system := temporary && p.accept("SYSTEM")
	switch {
	case p.is("TABLE") && !system:
		p.i++
		return p.createTable(start, temporary, replace)
	case p.is("VIEW") && !system:
		p.i++
		return p.createView(start, temporary, replace)
	case p.is("FUNCTION") && !replace:
		p.i++
		return p.createFunction(start, temporary, system)
	case p.isAny("CATALOG", "DATABASE", "MODEL", "CONNECTION", "MATERIALIZED"):
		p.fail(p.tok().Span, "CREATE %s is not supported", p.tok().word)
	}
	if t := p.tok(); t.kind == tokenWord {
		p.failError(Errorf(p.src, t.Span, "expected TABLE, VIEW or FUNCTION, found %s", found(t)).
			WithNearest(t.word, []string{"TABLE", "VIEW", "FUNCTION", "TEMPORARY"}))
	}
	p.unexpected("TABLE", "VIEW", "FUNCTION")
	return nil
}

func (p *parser) createTable(start Pos, temporary, replace bool) Statement {
	t := &CreateTable{Temporary: temporary, OrReplace: replace}
	t.IfNotExists = p.accept("IF", "NOT", "EXISTS")
	t.Name = p.name("the name of a table")
	if p.acceptOp("(") {
		for !p.isOp(")") {
			p.tableElement(t)
			if !p.acceptOp(",") {
				break
			}
		}
		p.expectOp(")", quote(","))
	}
	for p.tableClause(t) {
	}
	t.Span = p.from(start)
	return t
}

// tableElement reads a column, a watermark or a constraint.
func (p *parser) tableElement(t *CreateTable) {
	start := p.pos()
	switch {
	case p.is("WATERMARK", "FOR"):
		p.i += 2
		w := &Watermark{Column: p.name("a column name")}
		p.expect("AS")
		w.X = p.expr()
		w.Span = p.from(start)
		t.Watermarks = append(t.Watermarks, w)
	case p.is("CONSTRAINT") && isName(p.peek(1)) && (p.peek(2).word == "PRIMARY" || p.peek(2).word == "UNIQUE"),
		p.is("PRIMARY", "KEY"), p.is("UNIQUE") && isOp(p.peek(1), "("):
		c := p.constraint(true)
		t.Constraints = append(t.Constraints, c)
	default:
		t.Columns = append(t.Columns, p.columnDef())
	}
}

// constraint reads [CONSTRAINT name] PRIMARY KEY|UNIQUE [(columns)] [NOT
// ENFORCED]; the columns only where the constraint is the table's.
func (p *parser) constraint(ofTable bool) *Constraint {
	start := p.pos()
	c := &Constraint{}
	if p.accept("CONSTRAINT") {
		c.Name = p.ident("a constraint name")
	}
	switch {
	case p.accept("PRIMARY", "KEY"):
	case p.accept("UNIQUE"):
		c.Unique = true
	default:
		p.unexpected("PRIMARY KEY", "UNIQUE")
	}
	if ofTable {
		c.Columns = p.identList("a column name")
	}
	if p.accept("NOT", "ENFORCED") {
		c.Enforced = NotEnforced
	} else if p.accept("ENFORCED") {
		c.Enforced = Enforced
	}
	c.Span = p.from(start)
	return c
}

func (p *parser) columnDef() *ColumnDef {
	start := p.pos()
	c := &ColumnDef{Name: p.columnName()}
	switch {
	case p.isOp(",") || p.isOp(")"):
		c.Kind = NameOnly
	case p.accept("AS"):
		c.Kind = Computed
		c.X = p.expr()
	default:
		c.Type = p.typeSpec()
		if p.accept("METADATA") {
			c.Kind = Metadata
			if p.accept("FROM") {
				c.MetadataKey = p.stringLit("a metadata key in quotes")
			}
			c.Virtual = p.accept("VIRTUAL")
		}
		if p.is("PRIMARY", "KEY") || p.isAny("UNIQUE", "CONSTRAINT") {
			c.Constraint = p.constraint(false)
		}
	}
	if p.accept("COMMENT") {
		c.Comment = p.stringLit("a comment in quotes")
	}
	if p.is("NOT", "NULL") {
		p.failHint(p.tok().Span, "NOT NULL follows the type", "NOT NULL is misplaced")
	}
	c.Span = p.from(start)
	return c
}

// columnName reads the name of a column in a table's definition.
func (p *parser) columnName() *Ident {
	if p.tok().kind == tokenString {
		p.failHint(p.tok().Span, "names are quoted with backticks", "expected a column, found a string")
	}
	return p.ident("a column name")
}

// tableClause reads one clause behind the columns; false when there is none.
func (p *parser) tableClause(t *CreateTable) bool {
	switch {
	case p.is("COMMENT"):
		p.once(t.Comment != nil, "COMMENT")
		p.i++
		t.Comment = p.stringLit("a comment in quotes")
	case p.is("DISTRIBUTED"):
		p.once(t.Distributed != nil, "DISTRIBUTED")
		t.Distributed = p.distribution()
	case p.is("PARTITIONED"):
		p.once(t.PartitionBy != nil, "PARTITIONED BY")
		p.expect("PARTITIONED", "BY")
		t.PartitionBy = p.identList("a column name")
	case p.is("WITH"):
		p.once(t.HasWith, "WITH")
		p.i++
		t.HasWith = true
		t.Options = p.options()
	case p.is("LIKE"):
		p.once(t.Like != nil, "LIKE")
		t.Like = p.tableLike()
	case p.is("AS"):
		p.once(t.As != nil, "AS")
		p.i++
		t.As = p.query()
	default:
		return false
	}
	return true
}

func (p *parser) distribution() *Distribution {
	start := p.pos()
	d := &Distribution{}
	p.expect("DISTRIBUTED")
	if p.accept("BY") {
		if p.isAny("HASH", "RANGE") {
			d.Kind = p.next().word
		}
		d.Columns = p.identList("a column name")
	} else if !p.is("INTO") {
		p.unexpected("BY", "INTO")
	}
	if p.accept("INTO") {
		at := p.tok().Span
		d.Buckets = p.smallInt("a number of buckets")
		if d.Buckets == 0 {
			p.fail(at, "a number of buckets must be at least 1")
		}
		p.expect("BUCKETS")
	}
	d.Span = p.from(start)
	return d
}

// options reads ('key' = 'value', ...).
func (p *parser) options() []*Option {
	var list []*Option
	p.expectOp("(")
	for !p.isOp(")") {
		key := p.stringLit("an option's key in quotes")
		p.expectOp("=")
		value := p.stringLit("an option's value in quotes")
		list = append(list, &Option{Span: key.Span.To(value.Span), Key: key.Value, Value: value.Value,
			KeySpan: key.Span, ValueSpan: value.Span})
		if !p.acceptOp(",") {
			break
		}
	}
	p.expectOp(")", quote(","))
	return list
}

// likeFeatures are the features that LIKE takes or leaves.
var likeFeatures = []string{"ALL", "CONSTRAINTS", "DISTRIBUTION", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS",
	"WATERMARKS"}

func (p *parser) tableLike() *TableLike {
	start := p.pos()
	p.expect("LIKE")
	l := &TableLike{Table: p.name("the name of a table")}
	if p.acceptOp("(") {
		for !p.isOp(")") {
			at := p.pos()
			if !p.isAny("INCLUDING", "EXCLUDING", "OVERWRITING") {
				p.unexpected("INCLUDING", "EXCLUDING", "OVERWRITING")
			}
			o := &LikeOption{Mode: p.next().word}
			if !p.isAny(likeFeatures...) {
				p.unexpected(likeFeatures...)
			}
			o.Feature = p.next().word
			o.Span = p.from(at)
			l.Options = append(l.Options, o)
			p.acceptOp(",")
		}
		p.expectOp(")")
	}
	l.Span = p.from(start)
	return l
}

func (p *parser) createView(start Pos, temporary, replace bool) Statement {
	v := &CreateView{Temporary: temporary, OrReplace: replace}
	v.IfNotExists = p.accept("IF", "NOT", "EXISTS")
	v.Name = p.name("the name of a view")
	if p.isOp("(") {
		v.Columns = p.identList("a column name")
	}
	if p.accept("COMMENT") {
		v.Comment = p.stringLit("a comment in quotes")
	}
	p.expect("AS")
	v.Query = p.query()
	v.Span = p.from(start)
	return v
}

func (p *parser) createFunction(start Pos, temporary, system bool) Statement {
	f := &CreateFunction{Temporary: temporary, System: system}
	f.IfNotExists = p.accept("IF", "NOT", "EXISTS")
	f.Name = p.name("the name of a function")
	p.expect("AS")
	f.Class = p.stringLit("a class name in quotes").Value
	if p.accept("LANGUAGE") {
		if !p.isAny("JAVA", "SCALA", "PYTHON", "SQL", "GO") {
			p.unexpected("JAVA", "SCALA", "PYTHON", "SQL", "GO")
		}
		f.Language = p.next().word
	}
	if p.is("USING") {
		p.fail(p.tok().Span, "functions from JAR files are not supported")
	}
	f.Span = p.from(start)
	return f
}

func (p *parser) drop() Statement {
	start := p.pos()
	p.expect("DROP")
	d := &Drop{Temporary: p.accept("TEMPORARY")}
	d.System = d.Temporary && p.accept("SYSTEM")
	switch {
	case p.is("TABLE") && !d.System:
		d.Kind = TableObject
	case p.is("VIEW") && !d.System:
		d.Kind = ViewObject
	case p.is("FUNCTION"):
		d.Kind = FunctionObject
	default:
		p.unexpected("TABLE", "VIEW", "FUNCTION")
	}
	p.i++
	d.IfExists = p.accept("IF", "EXISTS")
	d.Name = p.name("a name")
	d.Span = p.from(start)
	return d
}
