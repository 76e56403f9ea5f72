package op

// apply takes the next row of a partition: its times and the encoded row. Every partial
// match goes on with it or ends, and a new one may begin. Deadlines up to the row's time
// have been served.
func (o *Match) apply(key, row []byte) error {
	t, arrival := word(row, 0), word(row, 8)
	o.load(key)
	p := &o.p
	o.eval.begin(p.next, row)
	p.spare = p.spare[:0]
	done := len(p.complete)
	for i := range p.partial {
		o.advance(&p.partial[i])
	}
	p.hand = candidate{first: p.next, time: t, counts: p.counts(nil), aggs: p.running(nil)}
	o.advance(&p.hand)
	if err := o.eval.err(); err != nil {
		// The row counts for no match.
		p.complete = p.complete[:done]
		o.store()
		return o.failRow(row, err)
	}
	p.partial, p.spare = p.spare, p.partial
	o.settle(done)
	p.next++
	if p.low() < p.next || o.back > 0 {
		o.identify()
		o.rows.Put(o.rowKey(p.id, p.next-1), row)
	}
	if err := o.release(t, arrival); err != nil {
		return err
	}
	o.store()
	return nil
}

// advance follows all ways on which the row in hand continues a match: what is partial
// goes to spare, what is complete to complete.
func (o *Match) advance(c *candidate) {
	p, vars := &o.p, o.cfg.Vars
	o.eval.forget()
	for v := c.v; v < len(vars); v++ {
		if o.guarded(c, v, c.counts[v]) {
			return
		}
		if (vars[v].Max < 0 || int(c.counts[v]) < vars[v].Max) && o.eval.meets(o, c, v) {
			next := candidate{first: c.first, time: c.time, v: v, counts: p.counts(c.counts), aggs: p.running(c.aggs)}
			o.grow(&next, v)
			next.counts[v]++
			if int(next.counts[v]) == vars[v].Max {
				next.v++
			}
			if next.v < len(vars) {
				p.spare = append(p.spare, next)
			}
			if next.v == len(vars) || o.finished(c, next.v, next.counts) {
				next.counts = p.counts(next.counts)
				next.v = len(vars)
				p.complete = append(p.complete, next)
			}
		}
		if int(c.counts[v]) < vars[v].Min {
			return
		}
	}
}

// guarded tells that variable v, which has n rows, may not go on, because the greedy
// variable before it takes the row.
func (o *Match) guarded(c *candidate, v int, n uint32) bool {
	if n > 0 || v == 0 {
		return false
	}
	b := o.cfg.Vars[v-1]
	fixed := b.Min == b.Max || b.Min == 0 && b.Max == 1
	return b.Greedy && !fixed && o.eval.meets(o, c, v-1)
}

// finished tells that the row completes a match though variables follow, because none of
// them needs a row: c is the match before the row, v and counts are those behind it.
func (o *Match) finished(c *candidate, v int, counts []uint32) bool {
	for ; v < len(o.cfg.Vars); v++ {
		if int(counts[v]) < o.cfg.Vars[v].Min || o.guarded(c, v, counts[v]) {
			return false
		}
	}
	return true
}

// settle moves the new matches, behind the first n, to their place by their first rows.
func (o *Match) settle(n int) {
	list := o.p.complete
	for ; n < len(list); n++ {
		for i := n; i > 0 && list[i].first < list[i-1].first; i-- {
			list[i], list[i-1] = list[i-1], list[i]
		}
	}
	o.prune()
}

// prune drops matches, partial and complete, that can no longer be emitted because a
// complete one precedes them. That one, k, is the first of those that begin where it does,
// or with SkipPastLast at one of its rows. If it is emitted, it skips them. If it is not,
// then a match that begins earlier skips it; that one ends at a row still to come, or it
// would have been k, so with SkipPastLast it skips all that have begun.
func (o *Match) prune() {
	p := &o.p
	if len(p.complete) == 0 {
		return
	}
	kept := p.complete[:1]
	for _, c := range p.complete[1:] {
		if !o.covers(&kept[len(kept)-1], c.first) {
			kept = append(kept, c)
		}
	}
	p.complete = kept
	rest, k := p.partial[:0], -1
	for _, c := range p.partial {
		for k+1 < len(kept) && kept[k+1].first <= c.first {
			k++
		}
		if k < 0 || !o.covers(&kept[k], c.first) {
			rest = append(rest, c)
		}
	}
	p.partial = rest
}

// covers tells that c, when it is emitted, skips the matches that begin at a row, which is
// not before the first of c.
func (o *Match) covers(c *candidate, row uint64) bool {
	return row == c.first || o.cfg.Skip == SkipPastLast && row < c.first+c.rows()
}

// expire drops the partial matches that time t leaves behind.
func (o *Match) expire(t int64) {
	p, n := &o.p, 0
	for n < len(p.partial) && t-p.partial[n].time >= o.cfg.WithinMs {
		n++
	}
	p.partial = p.partial[:copy(p.partial, p.partial[n:])]
}

// release emits the complete matches that no earlier match can still precede, and drops
// what each of them skips.
func (o *Match) release(t, arrival int64) error {
	p := &o.p
	for len(p.complete) > 0 && (len(p.partial) == 0 || p.complete[0].first <= p.partial[0].first) {
		p.hand = p.complete[0]
		from := o.skip(&p.hand)
		p.complete = dropBefore(p.complete, from, 1)
		p.partial = dropBefore(p.partial, from, 0)
		if err := o.emitMatch(&p.hand, t, arrival); err != nil {
			return err
		}
	}
	return nil
}

// dropBefore drops the first n candidates and those that begin before a row.
func dropBefore(list []candidate, row uint64, n int) []candidate {
	for n < len(list) && list[n].first < row {
		n++
	}
	return list[:copy(list, list[n:])]
}

// skip is the first row at which a match may begin that follows c. It is behind the first
// row of c, so that the same match is not found again.
func (o *Match) skip(c *candidate) uint64 {
	row := c.first + 1
	switch o.cfg.Skip {
	case SkipPastLast:
		row = c.first + c.rows()
	case SkipToFirst:
		row, _ = c.span(o.cfg.SkipVar)
	case SkipToLast:
		from, n := c.span(o.cfg.SkipVar)
		row = from + n - min(n, 1)
	}
	return max(row, c.first+1)
}
