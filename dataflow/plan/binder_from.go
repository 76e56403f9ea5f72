package plan

import (
	"time"

	"github.com/edgeflow/edgeflow/dataflow/sql"
)

// hints are those of a SELECT block.
type hints struct {
	uid string
	ttl time.Duration // valid with hasTTL
	// hasTTL tells that STATE_TTL was given.
	hasTTL bool
}

// selectHints reads STATE_TTL and UID; other hints of Flink steer its own planner.
func (b *binder) selectHints(hs []*sql.Hint, in *relation) (hints, error) {
	var out hints
	for _, h := range hs {
		switch h.Name {
		case "UID":
			uid, err := b.uidHint(h)
			if err != nil {
				return out, err
			}
			out.uid = uid
		case "STATE_TTL":
			for _, a := range h.Args {
				if !a.HasKey {
					return out, b.errorf(a.Span, "STATE_TTL takes 'table' = 'time' pairs")
				}
				if !in.hasAlias(a.Key) {
					return out, b.errorf(a.Span, "STATE_TTL names the table %s, which is not in FROM", a.Key).
						WithNearest(a.Key, in.quals)
				}
				d, err := ParseDuration(a.Value)
				if err != nil {
					return out, b.errorf(a.Span, "STATE_TTL: %v", err)
				}
				if !out.hasTTL || d > out.ttl {
					out.ttl, out.hasTTL = d, true
				}
			}
		case "OPTIONS":
			return out, b.errorf(h.Span, "OPTIONS is a hint for a table: write it behind the table's name")
		default:
			b.warnf(h.Span, "hint %s has no effect here", h.Name)
		}
	}
	return out, nil
}

func (b *binder) uidHint(h *sql.Hint) (string, error) {
	if len(h.Args) != 1 || h.Args[0].HasKey || h.Args[0].Value == "" {
		return "", b.errorf(h.Span, "UID takes one name, as in UID('sessions')")
	}
	return h.Args[0].Value, nil
}

// tableExpr binds an item of FROM.
func (b *binder) tableExpr(t sql.TableExpr) (*relation, error) {
	r, err := b.fromItem(t)
	if err != nil {
		return nil, err
	}
	return r, b.yields(t.Range(), r.rel)
}

func (b *binder) fromItem(t sql.TableExpr) (*relation, error) {
	switch t := t.(type) {
	case *sql.TableName:
		if t.AsOf != nil {
			return nil, b.errorf(t.AsOf.Range(), "FOR SYSTEM_TIME AS OF is for the right side of a join, with a time of the left side")
		}
		r, err := b.tableByName(t.Name, t.Hints)
		if err != nil {
			return nil, err
		}
		return b.aliased(r, t.Alias)
	case *sql.Derived:
		if t.Lateral {
			return nil, b.unsupported(t.Span, "LATERAL without a table to its left")
		}
		r, err := b.query(t.Query)
		if err != nil {
			return nil, err
		}
		return b.aliased(r, t.Alias)
	case *sql.TableFunc:
		if t.Lateral {
			return nil, b.unsupported(t.Span, "LATERAL TABLE without a table to its left")
		}
		r, err := b.windowTVF(t.Call)
		if err != nil {
			return nil, err
		}
		return b.aliased(r, t.Alias)
	case *sql.Unnest:
		in, err := b.from(nil)
		if err != nil {
			return nil, err
		}
		return b.unnest(t, in, false)
	case *sql.Join:
		return b.join(t)
	case *sql.MatchRecognize:
		outer := b.outer
		b.outer = nil // patterns refer to their own rows alone
		r, err := b.matchRecognize(t)
		b.outer = outer
		return r, err
	}
	return nil, b.unsupported(t.Range(), "this table")
}

// aliased gives a relation the name and column names of AS t (a, b).
func (b *binder) aliased(r *relation, a *sql.TableAlias) (*relation, error) {
	if a == nil {
		return r, nil
	}
	out := &relation{rel: r.rel, names: r.names, quals: make([]string, len(r.names))}
	for i := range out.quals {
		out.quals[i] = a.Name.Name
	}
	if len(a.Columns) > 0 {
		var err error
		if out.names, err = b.columnList(a.Columns, len(r.names), a.Span); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// tableByName finds a query of WITH, a view or a table.
func (b *binder) tableByName(name *sql.Name, hs []*sql.Hint) (*relation, error) {
	key := objectName(name)
	if len(name.Parts) == 1 {
		for i := len(b.ctes) - 1; i >= 0; i-- {
			if c := b.ctes[i][key]; c != nil {
				r := newRelation(c.rel, key)
				r.names = c.names
				return r, b.read(name.Span, c.reads)
			}
		}
	}
	if v := b.cat.views[key]; v != nil {
		return b.inlineView(v, name)
	}
	t := b.cat.tables[key]
	if t == nil {
		return nil, b.unknownTable(name)
	}
	t, uid, err := b.hinted(t, hs)
	if err != nil {
		return nil, err
	}
	return newRelation(&relScan{table: t, uid: uid, span: name.Span}, name.Last()), b.read(name.Span, 1)
}

func (b *binder) unknownTable(name *sql.Name) *sql.Error {
	candidates := b.cat.names()
	for _, frame := range b.ctes {
		for n := range frame {
			candidates = append(candidates, n)
		}
	}
	e := b.errorf(name.Span, "unknown table %s", name.Key()).WithNearest(objectName(name), candidates)
	if e.Hint == "" && len(b.cat.tables) == 0 {
		e = e.WithHint("declare it with CREATE TABLE before it is used")
	}
	return e
}

// inlineView binds a view's query in place of its name.
func (b *binder) inlineView(v *View, name *sql.Name) (*relation, error) {
	if v.busy {
		return nil, b.errorf(name.Span, "view %s refers to itself", v.Name)
	}
	if err := b.read(name.Span, 1); err != nil {
		return nil, err
	}
	saved, outer := b.ctes, b.outer
	v.busy, b.ctes, b.outer = true, nil, nil
	r, err := b.query(v.Query)
	v.busy, b.ctes, b.outer = false, saved, outer
	if err != nil {
		return nil, err
	}
	out := newRelation(r.rel, name.Last())
	out.names = r.names
	if len(v.Columns) > 0 {
		if out.names, err = b.columnList(v.Columns, len(r.names), name.Span); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// hinted applies the OPTIONS and UID hints of a table.
func (b *binder) hinted(t *Table, hs []*sql.Hint) (*Table, string, error) {
	uid := ""
	for _, h := range hs {
		switch h.Name {
		case "UID":
			var err error
			if uid, err = b.uidHint(h); err != nil {
				return nil, "", err
			}
		case "OPTIONS":
			t = t.clone()
			for _, a := range h.Args {
				if !a.HasKey {
					return nil, "", b.errorf(a.Span, "OPTIONS takes 'key' = 'value' pairs")
				}
				t.setOption(a.Key, a.Value, a.Span)
			}
			if err := b.checkTableOptions(t); err != nil {
				return nil, "", err
			}
		default:
			b.warnf(h.Span, "hint %s has no effect here", h.Name)
		}
	}
	return t, uid, nil
}
