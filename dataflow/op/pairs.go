package op

import (
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// How a row of pairs is emitted: when it meets the condition; in any case; when no
// candidate of its probe has met the condition.
const (
	pairCandidate = iota
	pairSure
	pairPad
)

// pairs collects rows of two inputs side by side and emits those that meet the condition of
// a join, a batch at a time. Rows that cannot be computed are dead letters and do not meet
// it. A probe is a row whose partners are looked for: what follows begin belongs to it.
type pairs struct {
	node   *node
	cond   *expr.Program
	ec     expr.Ctx
	left   int // columns of the left
	batch  *vec.Batch
	hit    func(i int) // called for a candidate that meets the condition
	quiet  bool        // candidates are not emitted
	weight weight      `scratch:"columns of the batch"`

	first   int  // where the rows of the probe begin
	carried bool // a candidate of the probe that was flushed has met the condition

	how   []uint8        `scratch:"rows of the batch"`
	from  []int32        `scratch:"where the candidates of a padded row begin"`
	carry []bool         `scratch:"whether one before them has met the condition"`
	refs  [][2]state.Ref `scratch:"left and right row of a candidate"`
	kinds []vec.RowKind  `scratch:"rows of the batch; nil when all are Insert"`
	cand  []int32        `scratch:"the candidates of the batch"`
	met   []int32        `scratch:"those that meet the condition"`
	bad   []bool         `scratch:"those that cannot be computed"`
	sel   []int32        `scratch:"the emitted rows"`
}

// newPairs makes a pairs over the columns of left and right.
func newPairs(n *node, cond expr.Node, left, right []types.Type, updates bool) (*pairs, error) {
	p := &pairs{
		node: n, left: len(left), batch: vec.NewBatch(append(append([]types.Type(nil), left...), right...)),
		how: make([]uint8, vec.BatchSize), from: make([]int32, vec.BatchSize), carry: make([]bool, vec.BatchSize),
		refs: make([][2]state.Ref, vec.BatchSize), cand: make([]int32, 0, vec.BatchSize), met: make([]int32, 0, vec.BatchSize),
		bad: make([]bool, vec.BatchSize), sel: make([]int32, 0, vec.BatchSize),
	}
	p.ec.Env, p.weight = n.ctx.Env, weigh(p.batch.Cols)
	if updates {
		p.kinds = make([]vec.RowKind, vec.BatchSize)
	}
	if cond != nil {
		var err error
		if p.cond, err = expr.Compile(cond, n.ctx.Env); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// begin starts a probe.
func (p *pairs) begin() { p.first, p.carried = p.batch.N, false }

// leftCols and rightCols are the columns of the sides.
func (p *pairs) leftCols() []*vec.Vector  { return p.batch.Cols[:p.left] }
func (p *pairs) rightCols() []*vec.Vector { return p.batch.Cols[p.left:] }

// side is the columns of the left (0) or the right (1).
func (p *pairs) side(i int) []*vec.Vector {
	if i == 0 {
		return p.leftCols()
	}
	return p.rightCols()
}

// copyTo copies row i of b to the next row's columns dst.
func (p *pairs) copyTo(dst []*vec.Vector, b *vec.Batch, i int) {
	for c, v := range dst {
		v.Copy(p.batch.N, b.Cols[c], i)
	}
}

// null makes the next row's columns dst NULL.
func (p *pairs) null(dst []*vec.Vector) {
	for _, v := range dst {
		v.SetNull(p.batch.N)
	}
}

// keep takes the next row, whose columns are filled in.
func (p *pairs) keep(how uint8, kind vec.RowKind, arrival int64, left, right state.Ref) error {
	n := p.batch.N
	p.how[n], p.refs[n] = how, [2]state.Ref{left, right}
	p.from[n], p.carry[n] = int32(p.first), p.carried
	if p.kinds != nil {
		p.kinds[n] = kind
	}
	p.batch.Arrival = append(p.batch.Arrival, arrival)
	p.batch.N++
	if p.batch.N < vec.BatchSize && !p.weight.heavy() {
		return nil
	}
	return p.flush()
}

// flush judges the rows and emits those that are to be.
func (p *pairs) flush() error {
	n := p.batch.N
	if n == 0 {
		return nil
	}
	met, err := p.judge()
	if err != nil {
		return err
	}
	p.sel = p.sel[:0]
	last := int32(-1) // the last candidate that met the condition
	for i := range int32(n) {
		switch p.how[i] {
		case pairSure:
		case pairPad:
			if last >= p.from[i] || p.carry[i] {
				continue
			}
		default:
			if len(met) == 0 || met[0] != i {
				continue
			}
			met, last = met[1:], i
			if p.hit != nil {
				p.hit(int(i))
			}
			if p.quiet {
				continue
			}
		}
		p.sel = append(p.sel, i)
	}
	p.carried = p.carried || int(last) >= p.first
	p.first = 0
	if len(p.sel) > 0 {
		p.batch.Sel, p.batch.Kinds = nil, nil
		if len(p.sel) < n {
			p.batch.Sel = p.sel
		}
		if p.kinds != nil {
			p.batch.Kinds = p.kinds[:n]
		}
		err = p.node.ctx.Out.Process(p.batch)
	}
	p.batch.Reset()
	return err
}

// judge lists the candidates that meet the condition.
func (p *pairs) judge() ([]int32, error) {
	p.cand = p.cand[:0]
	for i := range p.batch.N {
		if p.how[i] == pairCandidate {
			p.cand = append(p.cand, int32(i))
		}
	}
	if p.cond == nil || len(p.cand) == 0 {
		return p.cand, nil
	}
	p.batch.Sel, p.batch.Kinds = nil, nil
	p.ec.Errs = p.ec.Errs[:0]
	p.met = p.cond.EvalSel(&p.ec, p.batch, p.cand, p.met[:0])
	if len(p.ec.Errs) == 0 {
		return p.met, nil
	}
	for _, e := range p.ec.Errs {
		if !p.bad[e.Row] {
			p.bad[e.Row] = true
			if err := p.node.fail(p.batch, e.Row, e.Err); err != nil {
				return nil, err
			}
		}
	}
	rest := p.met[:0]
	for _, i := range p.met {
		if !p.bad[i] {
			rest = append(rest, i)
		}
	}
	for _, e := range p.ec.Errs {
		p.bad[e.Row] = false
	}
	return rest, nil
}

// joinKey is the key of one side of a join.
type joinKey struct {
	codec    *keyCodec
	nullSafe []bool `scratch:"from the configuration"`
}

func newJoinKey(s JoinSide, nullSafe []bool) joinKey {
	return joinKey{newKeyCodec(s.Keys, typesOf(s.Input, s.Keys)), nullSafe}
}

// matches tells whether a row can have partners: none of its keys is NULL but for those
// for which NULL matches NULL.
func (k joinKey) matches(cols []*vec.Vector, row int) bool {
	for j, c := range k.codec.cols {
		if cols[c].IsNull(row) && !k.nullSafe[j] {
			return false
		}
	}
	return true
}

// size is the length in bytes of every key that can have partners; 0 where it varies.
func (k *joinKey) size() int {
	n := k.codec.bitmap
	for j, p := range k.codec.phys {
		switch {
		case k.nullSafe[j]:
			return 0
		case p == types.I64 || p == types.F64:
			n += 8
		case p == types.Wide:
			n += 16
		default:
			return 0
		}
	}
	return n
}

// JoinSide is an input of a join.
type JoinSide struct {
	Input []types.Type
	// Names are those of the columns, for the inspection of state; they may be nil.
	Names []string
	// Keys are the columns that must equal those of the other side, which have the same
	// types.
	Keys []int
	// Time is the event time column, -1 when there is none.
	Time int
}

// side describes kept rows of a side.
func (l *layout) side(structure string, s JoinSide, k *keyCodec) {
	l.names = s.Names
	l.keys(structure, k)
	for i, t := range s.Input {
		l.column(structure, i, i, t, false, i, 0)
	}
}
