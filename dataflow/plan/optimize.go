package plan

import (
	"fmt"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

// optimize rewrites the logical plans of all targets together, so that what they have in
// common becomes one rel with several parents.
func (b *binder) optimize(targets []*target) {
	each := func(rule func(r rel) rel) {
		rw := &rewriter{rule: rule, memo: map[rel]rel{}}
		for _, t := range targets {
			t.rel = rw.apply(t.rel)
		}
	}
	each(b.foldConstants)
	each(mergeCalcs)
	each(recognizeRank)
	each(fuseWindow)
	each(mergeCalcs)
	share := newSharing()
	each(share.rule)
	parents := countParents(targets)
	each(func(r rel) rel { return pushFilter(r, parents) })
	each(func(r rel) rel {
		if j, ok := r.(*relJoin); ok {
			return pushCondition(j, parents)
		}
		return r
	})
	each(mergeCalcs)
	share = newSharing()
	each(share.rule)
	pruneColumns(targets)
	each(materializeKeys)
	each(mergeCalcs)
	share = newSharing()
	each(share.rule)
}

// rewriter applies a rule to every rel from the leaves up, once for each rel.
type rewriter struct {
	rule func(r rel) rel
	memo map[rel]rel
}

func (w *rewriter) apply(r rel) rel {
	if out, ok := w.memo[r]; ok {
		return out
	}
	kids := r.kids()
	changed := false
	out := make([]rel, len(kids))
	for i, k := range kids {
		out[i] = w.apply(k)
		changed = changed || out[i] != k
	}
	n := r
	if changed {
		n = r.withKids(out)
	}
	n = w.rule(n)
	w.memo[r] = n
	return n
}

// countParents counts by how many rels, or targets, each rel is read.
func countParents(targets []*target) map[rel]int {
	out := map[rel]int{}
	var visit func(r rel)
	visit = func(r rel) {
		out[r]++
		if out[r] == 1 {
			for _, k := range r.kids() {
				visit(k)
			}
		}
	}
	for _, t := range targets {
		visit(t.rel)
	}
	return out
}

// sharing makes equal rels one.
type sharing struct {
	byKey map[string]rel
	ids   map[rel]int
}

func newSharing() *sharing { return &sharing{byKey: map[string]rel{}, ids: map[rel]int{}} }

func (s *sharing) rule(r rel) rel {
	key, ok := s.key(r)
	if ok {
		if same := s.byKey[key]; same != nil {
			return same
		}
		s.byKey[key] = r
	}
	s.ids[r] = len(s.ids)
	return r
}

// key is a text that rels which yield the same rows share; ok is false for a rel that
// calls a volatile function.
func (s *sharing) key(r rel) (string, bool) {
	b := []byte(fmt.Sprintf("%T", r))
	for _, k := range r.kids() {
		b = strconv.AppendInt(append(b, '#'), int64(s.ids[k]), 10)
	}
	exprs := func(ns ...expr.Node) bool {
		for _, n := range ns {
			b = append(appendKey(b, n), ';')
		}
		return true
	}
	switch r := r.(type) {
	case *relScan:
		b = append(b, r.table.Name+"|"+r.uid...)
		for _, k := range sortedKeys(r.table.Options) {
			b = append(b, fmt.Sprintf("|%q=%q", k, r.table.Options[k])...)
		}
		b = append(b, fmt.Sprintf("|%p", r.table.identity())...)
	case *relValues:
		for _, row := range r.rows {
			exprs(row...)
		}
	case *relCalc:
		for _, n := range append([]expr.Node{r.filter}, r.project...) {
			if n != nil && !expr.Deterministic(n) {
				return "", false
			}
		}
		exprs(r.filter)
		exprs(r.project...)
		b = append(b, fmt.Sprintf("%q %s", r.schema.Names(), r.uid)...)
		for _, c := range r.schema {
			b = append(b, c.Type.String()...)
		}
	case *relTVF:
		b = append(b, fmt.Sprintf("%+v %v", r.win, r.partition)...)
	case *relAgg:
		b = append(b, fmt.Sprintf("%v %v %d %q", r.keys, r.props, r.ttl, r.uid)...)
		if r.win != nil {
			b = append(b, fmt.Sprintf("%+v", *r.win)...)
		}
		for _, a := range r.aggs {
			b = append(b, fmt.Sprintf("%s %v ", a.Call.Func.Name, a.Call.Distinct)...)
			exprs(a.Call.Args...)
			exprs(a.Call.Filter)
		}
	case *relUnnest:
		if !expr.Deterministic(r.arg) {
			return "", false
		}
		b = r.key(b)
	case *relJoin:
		b = append(b, fmt.Sprintf("%s %d %d %q", r.kind, r.leftTTL, r.rightTTL, r.uid)...)
		exprs(r.cond, r.asOf)
		for _, n := range []expr.Node{r.cond, r.asOf} {
			if n != nil && !expr.Deterministic(n) {
				return "", false
			}
		}
	case *relMatch:
		b = append(b, r.key()...)
	case orderedRel:
		b = append(b, r.key()...)
	case *relUnion:
		b = append(b, fmt.Sprint(r.schema.Types())...)
	}
	return string(b), true
}

// identity is the column list that tells a table from another one of the same name, which
// the script declared after a DROP.
func (t *Table) identity() *TableColumn {
	if len(t.Columns) == 0 {
		return nil
	}
	return &t.Columns[0]
}
