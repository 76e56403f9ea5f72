package jsonpath

import "errors"

// ErrTooMuch is the error of a path whose evaluation grows faster than its document, as
// that of $..a..a does with the depth of the nesting.
var ErrTooMuch = errors.New("the JSON path names too much of the document")

// document is what a path is evaluated on. What a path may name in it, and the work that
// finding it may take, are bounded by its length.
type document struct {
	root *Value
	// matches is how many values a path may name: without a second descent no more than
	// the document has.
	matches int
	// work is how many values may still be visited and bytes compared.
	work int
}

func newDocument(root *Value, length int) *document {
	return &document{root: root, matches: length + 1<<16, work: 16*length + 1<<24}
}

// spend takes from the work; after the last of it everything ends early.
func (d *document) spend(n int) bool {
	d.work -= n
	return d.work >= 0
}

// Eval evaluates the path on the document of a text. found is false when a definite path
// names nothing, or when the definite start of another one does; otherwise that yields an
// Array of what it names. The error is that of a text that is not JSON, or ErrTooMuch. Texts
// of the value refer to doc.
func (p *Path) Eval(doc []byte) (v Value, found bool, err error) {
	if p.direct {
		start, end, err := p.locate(doc)
		if err != nil || start < 0 {
			return Value{}, false, err
		}
		v, err = Parse(doc[start:end])
		return v, err == nil, err
	}
	root, err := Parse(doc)
	if err != nil {
		return Value{}, false, err
	}
	d := newDocument(&root, len(doc))
	if v, found = p.on(&root, d); d.work < 0 {
		return Value{}, false, ErrTooMuch
	}
	return v, found, nil
}

// on evaluates the path below a value of a document.
func (p *Path) on(v *Value, doc *document) (Value, bool) {
	w := walker{path: p, doc: doc}
	switch {
	case !w.walk(v, 0, true):
		return Value{}, false
	case !p.Definite:
		return Value{Kind: Array, Elems: w.out}, true
	case len(w.out) == 0:
		return Value{}, false
	}
	return w.out[0], true
}

// locate finds the bounds of what a direct path names, or -1. It reads the whole
// document, so that it fails where Parse does.
func (p *Path) locate(doc []byte) (start, end int, err error) {
	l := locator{scanner: scanner{b: doc}, start: -1}
	err = l.find(p.steps)
	return l.start, l.end, err
}

type locator struct {
	scanner
	start, end int
	name       []byte
}

func (l *locator) find(steps []step) error {
	c, err := l.next()
	if err != nil {
		return err
	}
	if len(steps) == 0 {
		l.start = l.i
		err := l.skip()
		l.end = l.i
		return err
	}
	s, kind := steps[0], kindOf(c)
	switch {
	case s.kind == members && kind == Object:
		return l.object(func(raw []byte) error {
			if !l.named(raw, s.names[0]) {
				return l.skip()
			}
			l.start = -1
			return l.find(steps[1:])
		})
	case s.kind == elements && kind == Array:
		return l.array(func(i int) error {
			if i != s.at[0] {
				return l.skip()
			}
			return l.find(steps[1:])
		})
	}
	return l.skip()
}

// named tells whether a raw name is name.
func (l *locator) named(raw []byte, name string) bool {
	for _, c := range raw {
		if c == '\\' {
			l.name = Unescape(l.name[:0], raw)
			return string(l.name) == name
		}
	}
	return string(raw) == name
}

// walker collects what a path names in a document.
type walker struct {
	path *Path
	doc  *document
	out  []Value
}

func (w *walker) emit(v Value) {
	if len(w.out) == w.doc.matches {
		w.doc.work = -1
		return
	}
	w.out = append(w.out, v)
}

// walk follows the steps from i on. definite tells that the steps before name at most one
// value; then a step that leads nowhere makes it return false, unless it is the last.
func (w *walker) walk(v *Value, i int, definite bool) bool {
	if !w.doc.spend(1) {
		return true
	}
	if i == len(w.path.steps) {
		w.emit(*v)
		return true
	}
	s := &w.path.steps[i]
	if s.deep {
		w.descend(v, s, i)
		return true
	}
	return w.take(v, s, i, definite)
}

// take applies a step to a value itself.
func (w *walker) take(v *Value, s *step, i int, definite bool) bool {
	last := i == len(w.path.steps)-1
	switch s.kind {
	case members:
		return w.members(v, s, i, definite, last)
	case wildcard:
		for k := range v.Elems {
			w.walk(&v.Elems[k], i+1, false)
		}
		return true
	case filtered:
		return w.filter(v, s, i, definite)
	}
	if v.Kind != Array {
		return !definite
	}
	if s.kind == slice {
		from, to := bound(s.from, len(v.Elems)), bound(s.to, len(v.Elems))
		for k := from; k < to; k++ {
			w.walk(&v.Elems[k], i+1, false)
		}
		return true
	}
	for _, at := range s.at {
		if at < 0 {
			at += len(v.Elems)
		}
		if at < 0 || at >= len(v.Elems) {
			continue
		}
		if !w.walk(&v.Elems[at], i+1, definite && len(s.at) == 1) {
			return false
		}
	}
	return true
}

// filter goes on with the elements of an array, or with an object itself, that pass.
func (w *walker) filter(v *Value, s *step, i int, definite bool) bool {
	switch v.Kind {
	case Array:
		for k := range v.Elems {
			if s.when.holds(&v.Elems[k], w.doc) {
				w.walk(&v.Elems[k], i+1, false)
			}
		}
		return true
	case Object:
		if s.when.holds(v, w.doc) {
			w.walk(v, i+1, false)
		}
		return true
	}
	return !definite
}

func bound(at, n int) int {
	if at < 0 {
		return max(0, at+n)
	}
	return min(at, n)
}

func (w *walker) members(v *Value, s *step, i int, definite, last bool) bool {
	if v.Kind != Object {
		return !definite
	}
	if len(s.names) > 1 && last {
		part := Value{Kind: Object}
		for _, n := range s.names {
			if m := v.Member(n); m != nil && part.Member(n) == nil {
				part.Keys, part.Elems = append(part.Keys, n), append(part.Elems, *m)
			}
		}
		w.emit(part)
		return true
	}
	for _, n := range s.names {
		m := v.Member(n)
		if m == nil {
			if definite && !last && len(s.names) == 1 {
				return false
			}
			continue
		}
		if !w.walk(m, i+1, definite && len(s.names) == 1) {
			return false
		}
	}
	return true
}

// descend applies a step to a value and everything below it.
func (w *walker) descend(v *Value, s *step, i int) {
	if v.Scalar() || !w.doc.spend(1) {
		return
	}
	if s.kind != filtered || v.Kind == Object {
		w.take(v, s, i, false)
	}
	for k := range v.Elems {
		w.descend(&v.Elems[k], s, i)
	}
}
