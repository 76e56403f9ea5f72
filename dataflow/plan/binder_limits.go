package plan

import (
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/sql"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// Limits of what a short script may stand for. Views and WITH that are inlined, * and
// expressions that are written once and computed in several places multiply it.
const (
	// readsMax limits how many tables one script may read once views and WITH are inlined:
	// a view that reads another twice, and so on, doubles the plan at each step.
	readsMax = 10_000
	// widthMax limits the columns of a row, the fields of a nested type and the arguments of a call.
	widthMax = 4096
	// expressionMax limits the nodes of an expression: the operand of CASE is copied to each WHEN.
	expressionMax = 200_000
	// partsMax limits what all queries of one script consist of, once views and WITH are inlined:
	// the columns of tables, joins and queries, fields included, and the nodes of expressions.
	partsMax = 500_000
	// heightMax limits how many queries stand upon each other.
	heightMax = 1000
	// digitsMax limits how long a number is written: reading one takes time by the square of that.
	digitsMax = 1000
	// countedAlone is from which size on that of an expression is remembered.
	countedAlone = 64
)

// read counts tables that are read at a place.
func (b *binder) read(at sql.Span, n int) error {
	if b.reads += n; b.reads > readsMax {
		return b.errorf(at, "with views and WITH inlined the script reads more than %d tables", readsMax)
	}
	return nil
}

// yields counts what a table or query at a place consists of.
func (b *binder) yields(at sql.Span, r rel) error {
	if b.height(r) > heightMax {
		return b.errorf(at, "with views and WITH inlined more than %d queries stand upon each other", heightMax)
	}
	cols, n := r.cols(), 0
	if err := b.wide(at, len(cols)); err != nil {
		return err
	}
	for _, c := range cols {
		n += fieldCount(c.Type, widthMax)
	}
	if c, ok := r.(*relCalc); ok {
		for _, e := range append([]expr.Node{c.filter}, c.project...) {
			n += b.nodes(e)
		}
	}
	return b.consists(at, n)
}

// height is how many rels stand upon each other in r. Those below it have been asked for
// before, but for a few.
func (b *binder) height(r rel) int {
	h := b.heights[r]
	if h == 0 {
		for _, k := range r.kids() {
			h = max(h, b.height(k))
		}
		h++
		if b.heights == nil {
			b.heights = map[rel]int{}
		}
		b.heights[r] = h
	}
	return h
}

// consists counts n parts more.
func (b *binder) consists(at sql.Span, n int) error {
	if b.parts += n; b.parts > partsMax {
		return b.errorf(at, "with views and WITH inlined the script has more than %d columns and parts of expressions", partsMax).
			WithHint("read fewer columns, or split it into several pipelines")
	}
	return nil
}

// wide checks the number of columns of a row.
func (b *binder) wide(at sql.Span, n int) error {
	if n > widthMax {
		return b.errorf(at, "a row of more than %d columns", widthMax)
	}
	return nil
}

// few checks the number of a call's arguments, each of which takes a column when it is computed.
func (b *binder) few(at sql.Span, args int) error {
	if args > widthMax {
		return b.errorf(at, "more than %d elements or arguments", widthMax)
	}
	return nil
}

// small checks the size of an expression and of its type.
func (b *binder) small(at sql.Span, n expr.Node) error {
	if n == nil {
		return nil
	}
	if b.nodes(n) > expressionMax {
		return b.errorf(at, "an expression of more than %d parts, those counted that are computed in several places", expressionMax).
			WithHint("compute what it repeats in a subquery, as a column")
	}
	return b.smallType(at, n.Type())
}

// smallType checks the number of fields of a type.
func (b *binder) smallType(at sql.Span, t types.Type) error {
	if fieldCount(t, widthMax) > widthMax {
		return b.errorf(at, "a type of more than %d fields", widthMax)
	}
	return nil
}

// nodes is the size of an expression as a tree, one more than expressionMax when it is larger.
func (b *binder) nodes(n expr.Node) int {
	if n == nil {
		return 0
	}
	if size := b.sizes[n]; size > 0 {
		return size
	}
	size := 1
	for _, k := range expr.Children(n) {
		if size += b.nodes(k); size > expressionMax {
			size = expressionMax + 1
			break
		}
	}
	if size >= countedAlone {
		if b.sizes == nil {
			b.sizes = map[expr.Node]int{}
		}
		b.sizes[n] = size
	}
	return size
}

// fieldCount is the number of types that a type consists of, or one that is more than most.
func fieldCount(t types.Type, most int) int {
	n := 1
	for _, in := range []*types.Type{t.Key, t.Elem} {
		if in != nil && n <= most {
			n += fieldCount(*in, most-n)
		}
	}
	for _, f := range t.Fields {
		if n > most {
			break
		}
		n += fieldCount(f.Type, most-n)
	}
	return n
}
