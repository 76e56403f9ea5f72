package sql

func (p *printer) orderItem(o *OrderItem) {
	p.top(o.X)
	p.when(o.Desc, " DESC")
	switch o.Nulls {
	case NullsFirst:
		p.w(" NULLS FIRST")
	case NullsLast:
		p.w(" NULLS LAST")
	}
}

func (p *printer) windowSpec(s *WindowSpec) {
	if s.Bare {
		p.ident(s.Base)
		return
	}
	sep := ""
	p.w("(")
	if s.Base != nil {
		p.ident(s.Base)
		sep = " "
	}
	if len(s.PartitionBy) > 0 {
		p.w(sep, "PARTITION BY ")
		list(p, s.PartitionBy, p.top)
		sep = " "
	}
	if len(s.OrderBy) > 0 {
		p.w(sep, "ORDER BY ")
		list(p, s.OrderBy, p.orderItem)
		sep = " "
	}
	if s.Frame != nil {
		p.w(sep)
		p.frame(s.Frame)
	}
	p.w(")")
}

func (p *printer) frame(f *Frame) {
	if f.IsRange {
		p.w("RANGE ")
	} else {
		p.w("ROWS ")
	}
	if f.End == nil {
		p.bound(f.Start)
		return
	}
	p.w("BETWEEN ")
	p.bound(f.Start)
	p.w(" AND ")
	p.bound(f.End)
}

func (p *printer) bound(b *FrameBound) {
	switch b.Kind {
	case UnboundedPreceding:
		p.w("UNBOUNDED PRECEDING")
	case UnboundedFollowing:
		p.w("UNBOUNDED FOLLOWING")
	case CurrentRow:
		p.w("CURRENT ROW")
	case Preceding:
		p.expr(b.Offset, precRange+1)
		p.w(" PRECEDING")
	case Following:
		p.expr(b.Offset, precRange+1)
		p.w(" FOLLOWING")
	}
}
