package sql

// stmt writes a statement without its semicolon.
func (p *printer) stmt(s Statement) {
	switch s := s.(type) {
	case *QueryStmt:
		p.query(s.Query)
	case *CreateTable:
		p.createTable(s)
	case *CreateView:
		p.w("CREATE ")
		p.when(s.OrReplace, "OR REPLACE ")
		p.when(s.Temporary, "TEMPORARY ")
		p.w("VIEW ")
		p.when(s.IfNotExists, "IF NOT EXISTS ")
		p.name(s.Name)
		if len(s.Columns) > 0 {
			p.w(" ")
			p.idents(s.Columns)
		}
		p.comment(s.Comment)
		p.w(" AS ")
		p.query(s.Query)
	case *CreateFunction:
		p.w("CREATE ")
		p.when(s.Temporary, "TEMPORARY ")
		p.when(s.System, "SYSTEM ")
		p.w("FUNCTION ")
		p.when(s.IfNotExists, "IF NOT EXISTS ")
		p.name(s.Name)
		p.w(" AS ", QuoteString(s.Class))
		p.when(s.Language != "", " LANGUAGE "+s.Language)
	case *Drop:
		p.w("DROP ")
		p.when(s.Temporary, "TEMPORARY ")
		p.when(s.System, "SYSTEM ")
		p.w([]string{"TABLE ", "VIEW ", "FUNCTION "}[s.Kind])
		p.when(s.IfExists, "IF EXISTS ")
		p.name(s.Name)
	case *Set:
		p.w("SET")
		p.when(s.HasKey, " "+QuoteString(s.Key)+" = "+QuoteString(s.Value))
	case *Reset:
		p.w("RESET")
		p.when(s.HasKey, " "+QuoteString(s.Key))
	case *Insert:
		p.insert(s)
	case *StatementSet:
		p.w("EXECUTE STATEMENT SET BEGIN ")
		for _, in := range s.Inserts {
			p.insert(in)
			p.w("; ")
		}
		p.w("END")
	case *Explain:
		p.w("EXPLAIN ")
		list(p, s.Details, func(d string) { p.w(d) })
		p.when(len(s.Details) > 0, " ")
		p.stmt(s.Statement)
	}
}

func (p *printer) comment(c *StringLit) {
	if c != nil {
		p.w(" COMMENT ")
		p.literal(c)
	}
}

func (p *printer) createTable(t *CreateTable) {
	p.w("CREATE ")
	p.when(t.OrReplace, "OR REPLACE ")
	p.when(t.Temporary, "TEMPORARY ")
	p.w("TABLE ")
	p.when(t.IfNotExists, "IF NOT EXISTS ")
	p.name(t.Name)
	if len(t.Columns)+len(t.Watermarks)+len(t.Constraints) > 0 {
		sep := " ("
		for _, c := range t.Columns {
			p.w(sep)
			p.columnDef(c)
			sep = ", "
		}
		for _, w := range t.Watermarks {
			p.w(sep)
			p.watermark(w)
			sep = ", "
		}
		for _, c := range t.Constraints {
			p.w(sep)
			p.constraint(c)
			sep = ", "
		}
		p.w(")")
	}
	p.comment(t.Comment)
	if d := t.Distributed; d != nil {
		p.distribution(d)
	}
	if len(t.PartitionBy) > 0 {
		p.w(" PARTITIONED BY ")
		p.idents(t.PartitionBy)
	}
	if t.HasWith {
		p.w(" WITH (")
		list(p, t.Options, func(o *Option) { p.w(QuoteString(o.Key), " = ", QuoteString(o.Value)) })
		p.w(")")
	}
	if t.Like != nil {
		p.w(" LIKE ")
		p.name(t.Like.Table)
		if len(t.Like.Options) > 0 {
			sep := " ("
			for _, o := range t.Like.Options {
				p.w(sep, o.Mode, " ", o.Feature)
				sep = " "
			}
			p.w(")")
		}
	}
	if t.As != nil {
		p.w(" AS ")
		p.query(t.As)
	}
}

func (p *printer) distribution(d *Distribution) {
	p.w(" DISTRIBUTED")
	if len(d.Columns) > 0 {
		p.w(" BY ", d.Kind)
		p.idents(d.Columns)
	}
	p.when(d.Buckets > 0, " INTO "+itoa(d.Buckets)+" BUCKETS")
}

func (p *printer) columnDef(c *ColumnDef) {
	p.ident(c.Name)
	switch c.Kind {
	case Computed:
		p.w(" AS ")
		p.top(c.X)
	case Physical, Metadata:
		p.w(" ")
		p.typeSpec(c.Type)
		if c.Kind == Metadata {
			p.w(" METADATA")
			if c.MetadataKey != nil {
				p.w(" FROM ")
				p.literal(c.MetadataKey)
			}
			p.when(c.Virtual, " VIRTUAL")
		}
		if c.Constraint != nil {
			p.w(" ")
			p.constraint(c.Constraint)
		}
	}
	p.comment(c.Comment)
}

func (p *printer) watermark(w *Watermark) {
	p.w("WATERMARK FOR ")
	p.name(w.Column)
	p.w(" AS ")
	p.top(w.X)
}

func (p *printer) constraint(c *Constraint) {
	if c.Name != nil {
		p.w("CONSTRAINT ")
		p.ident(c.Name)
		p.w(" ")
	}
	if c.Unique {
		p.w("UNIQUE")
	} else {
		p.w("PRIMARY KEY")
	}
	if len(c.Columns) > 0 {
		p.w(" ")
		p.idents(c.Columns)
	}
	switch c.Enforced {
	case NotEnforced:
		p.w(" NOT ENFORCED")
	case Enforced:
		p.w(" ENFORCED")
	}
}

func (p *printer) insert(s *Insert) {
	if s.Overwrite {
		p.w("INSERT OVERWRITE ")
	} else {
		p.w("INSERT INTO ")
	}
	p.name(s.Table)
	p.hints(s.Hints)
	if len(s.Partition) > 0 {
		p.w(" PARTITION (")
		list(p, s.Partition, func(v *PartitionValue) {
			p.ident(v.Column)
			if v.X != nil {
				p.w(" = ")
				p.top(v.X)
			}
		})
		p.w(")")
	}
	if len(s.Columns) > 0 {
		p.w(" (")
		list(p, s.Columns, p.name)
		p.w(")")
	}
	p.w(" ")
	p.query(s.Query)
	p.w([]string{"", " ON CONFLICT DO NOTHING", " ON CONFLICT DO ERROR", " ON CONFLICT DO DEDUPLICATE"}[s.OnConflict])
}
