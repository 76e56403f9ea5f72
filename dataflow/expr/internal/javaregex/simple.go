package javaregex

import (
	"bytes"
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

// simple matches a sequence of items without an automaton: literals, classes, and
// quantified classes of which the next item cannot begin with a member. Of such a sequence
// at most one way leads to a match from a given start, the one that takes as much as it
// can, so what is found is what package regexp finds.
type simple struct {
	items []item
	// lit is the first literal when nothing stands before it, or (ahead) one item of at most
	// one byte; nil when starts are tried one by one.
	lit   []byte
	ahead bool
	// groups is the number of groups, fixed that the match begins where the input does.
	groups int
	fixed  bool
}

// maxSimpleGroups bounds the groups of a simple pattern, so that bounds fit the stack.
const maxSimpleGroups = 7

type itemKind uint8

const (
	itemLit   itemKind = iota // the bytes lit
	itemClass                 // min to max members of set, max -1 for any number
	itemFirst                 // a member of set, else, when begin, nothing at the input's begin
	itemBegin
	itemEnd
	itemOpen  // of group n
	itemClose // of group n
)

type item struct {
	kind     itemKind
	lit      []byte
	set      byteSet
	min, max int
	begin    bool
	n        int
	// stop is the only character that is no member of set, when single tells that there is
	// one.
	stop   byte
	single bool
}

// byteSet is a set of characters: those of ASCII by their number, and all others or none.
type byteSet struct {
	ascii [2]uint64
	high  bool
}

func (s *byteSet) has(c byte) bool {
	if c >= utf8.RuneSelf {
		return s.high
	}
	return s.ascii[c>>6]>>(c&63)&1 != 0
}

func (s *byteSet) add(c byte) { s.ascii[c>>6] |= 1 << (c & 63) }

func (s *byteSet) overlaps(o *byteSet) bool {
	return s.ascii[0]&o.ascii[0]|s.ascii[1]&o.ascii[1] != 0 || s.high && o.high
}

// newSimple makes the matcher of an expression, or is nil when it is no such sequence.
func newSimple(e *syntax.Regexp) *simple {
	p := &simple{groups: e.MaxCap()}
	if p.groups > maxSimpleGroups || !p.add(e) || !p.decided() {
		return nil
	}
	plain := make([]item, 0, len(p.items)) // without the bounds of groups
	for _, it := range p.items {
		if it.kind != itemOpen && it.kind != itemClose {
			plain = append(plain, it)
		}
	}
	switch {
	case len(plain) == 0:
		return nil
	case plain[0].kind == itemBegin:
		p.fixed = true
	case plain[0].kind == itemLit:
		p.lit = plain[0].lit
	case len(plain) > 1 && plain[0].kind == itemFirst && plain[1].kind == itemLit:
		p.lit, p.ahead = plain[1].lit, true
	}
	return p
}

// add appends the items of an expression, or reports false.
func (p *simple) add(e *syntax.Regexp) bool {
	switch e.Op {
	case syntax.OpEmptyMatch:
		return true
	case syntax.OpLiteral:
		lit := string(e.Rune)
		if e.Flags&syntax.FoldCase != 0 || !utf8.ValidString(lit) || bytes.ContainsRune([]byte(lit), utf8.RuneError) {
			return false
		}
		p.items = append(p.items, item{kind: itemLit, lit: []byte(lit)})
		return true
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return p.class(e, 1, 1)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		if e.Flags&syntax.NonGreedy != 0 {
			return false
		}
		lo, hi := 0, -1
		switch e.Op {
		case syntax.OpPlus:
			lo = 1
		case syntax.OpQuest:
			hi = 1
		}
		return p.class(e.Sub[0], lo, hi)
	case syntax.OpBeginText:
		p.items = append(p.items, item{kind: itemBegin})
		return true
	case syntax.OpEndText:
		p.items = append(p.items, item{kind: itemEnd})
		return true
	case syntax.OpCapture:
		p.items = append(p.items, item{kind: itemOpen, n: e.Cap})
		if !p.add(e.Sub[0]) {
			return false
		}
		p.items = append(p.items, item{kind: itemClose, n: e.Cap})
		return true
	case syntax.OpConcat:
		for _, s := range e.Sub {
			if !p.add(s) {
				return false
			}
		}
		return true
	case syntax.OpAlternate:
		return p.first(e)
	}
	return false
}

// class appends a quantified class.
func (p *simple) class(e *syntax.Regexp, lo, hi int) bool {
	set, ok := setOf(e)
	if !ok {
		return false
	}
	it := item{kind: itemClass, set: set, min: lo, max: hi}
	outside := 0
	for c := range byte(utf8.RuneSelf) {
		if !set.has(c) {
			it.stop = c
			outside++
		}
	}
	it.single = set.high && outside == 1
	p.items = append(p.items, it)
	return true
}

// first appends an alternative between ASCII characters and, last, the input's begin.
func (p *simple) first(e *syntax.Regexp) bool {
	it := item{kind: itemFirst}
	for _, s := range e.Sub {
		if it.begin {
			return false
		}
		if s.Op == syntax.OpBeginText {
			it.begin = true
			continue
		}
		set, ok := setOf(s)
		if !ok || set.high {
			return false
		}
		it.set.ascii[0] |= set.ascii[0]
		it.set.ascii[1] |= set.ascii[1]
	}
	p.items = append(p.items, it)
	return true
}

// setOf is the set of a class or of a literal of one character; ok is false for sets that
// hold some characters beyond ASCII and not others.
func setOf(e *syntax.Regexp) (set byteSet, ok bool) {
	pairs := e.Rune
	switch e.Op {
	case syntax.OpLiteral:
		if len(e.Rune) != 1 || e.Flags&syntax.FoldCase != 0 || e.Rune[0] >= utf8.RuneSelf {
			return set, false
		}
		pairs = []rune{e.Rune[0], e.Rune[0]}
	case syntax.OpAnyChar:
		pairs = []rune{0, unicode.MaxRune}
	case syntax.OpAnyCharNotNL:
		pairs = []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune}
	case syntax.OpCharClass:
	default:
		return set, false
	}
	for i := 0; i < len(pairs); i += 2 {
		lo, hi := pairs[i], pairs[i+1]
		for c := lo; c <= hi && c < utf8.RuneSelf; c++ {
			set.add(byte(c))
		}
		if hi >= utf8.RuneSelf {
			if lo > utf8.RuneSelf || hi != unicode.MaxRune {
				return set, false
			}
			set.high = true
		}
	}
	return set, true
}

// decided tells that at every item with a choice what follows cannot begin with what the
// item could take.
func (p *simple) decided() bool {
	for i := range p.items {
		it := &p.items[i]
		switch it.kind {
		case itemClass:
			if it.min == it.max {
				continue
			}
			if it.max == 1 && it.set.high {
				return false // a character of several bytes is taken whole or not
			}
		case itemFirst:
			if !it.begin {
				continue
			}
		default:
			continue
		}
		if !p.disjoint(i+1, &it.set) {
			return false
		}
	}
	return true
}

// disjoint tells that no item from i on that may come next begins with a member of set.
// Behind nothing but items that may be empty, taking less would change what they take, but
// taking most succeeds.
func (p *simple) disjoint(i int, set *byteSet) bool {
	for ; i < len(p.items); i++ {
		it := &p.items[i]
		switch it.kind {
		case itemOpen, itemClose:
		case itemEnd:
			return true
		case itemLit:
			return !set.has(it.lit[0])
		case itemClass:
			if set.overlaps(&it.set) {
				return false
			}
			if it.min > 0 {
				return true
			}
		default:
			return false
		}
	}
	return true
}

// find writes the bounds of the first match at or behind from, and of its groups, to m.
func (p *simple) find(s []byte, from int, m []int) bool {
	switch {
	case p.fixed:
		return from == 0 && p.at(s, 0, m)
	case p.lit == nil:
		for i := from; ; {
			if p.at(s, i, m) {
				return true
			}
			if i >= len(s) {
				return false
			}
			_, w := utf8.DecodeRune(s[i:])
			i += w
		}
	}
	for q := from; ; q++ {
		n := bytes.Index(s[q:], p.lit)
		if n < 0 {
			return false
		}
		q += n
		start := q
		if p.ahead {
			// The item before is a byte, or nothing at the begin.
			if q > from && p.items[p.firstItem()].set.has(s[q-1]) {
				start = q - 1
			} else if q != 0 {
				continue
			}
		}
		if p.at(s, start, m) {
			return true
		}
	}
}

// firstItem is the first item that is no bound of a group.
func (p *simple) firstItem() int {
	i := 0
	for p.items[i].kind == itemOpen || p.items[i].kind == itemClose {
		i++
	}
	return i
}

// at matches at a position.
func (p *simple) at(s []byte, i int, m []int) bool {
	m[0] = i
	for k := range p.items {
		it := &p.items[k]
		switch it.kind {
		case itemLit:
			if len(s)-i < len(it.lit) || string(s[i:i+len(it.lit)]) != string(it.lit) {
				return false
			}
			i += len(it.lit)
		case itemClass:
			if i = it.take(s, i); i < 0 {
				return false
			}
		case itemFirst:
			switch {
			case i < len(s) && it.set.has(s[i]):
				i++
			case !it.begin || i != 0:
				return false
			}
		case itemBegin:
			if i != 0 {
				return false
			}
		case itemEnd:
			if i != len(s) {
				return false
			}
		case itemOpen:
			m[2*it.n] = i
		case itemClose:
			m[2*it.n+1] = i
		}
	}
	m[1] = i
	return true
}

// take is the end of the members of a class at i, or -1 when they are too few.
func (it *item) take(s []byte, i int) int {
	if it.max == 1 {
		if i >= len(s) || !it.set.has(s[i]) {
			if it.min == 0 {
				return i
			}
			return -1
		}
		if s[i] < utf8.RuneSelf {
			return i + 1
		}
		_, w := utf8.DecodeRune(s[i:])
		return i + w
	}
	from := i
	if it.single {
		n := bytes.IndexByte(s[i:], it.stop)
		if n < 0 {
			n = len(s) - i
		}
		i += n
	} else {
		for i < len(s) && it.set.has(s[i]) {
			i++
		}
	}
	if i-from < it.min {
		return -1
	}
	return i
}

// needed is the longest text that every match of an expression holds, or nil when none is
// found: a literal that stands in no alternative and is not optional.
func needed(e *syntax.Regexp) []byte {
	switch e.Op {
	case syntax.OpLiteral:
		lit := string(e.Rune)
		if e.Flags&syntax.FoldCase == 0 && utf8.ValidString(lit) && !bytes.ContainsRune([]byte(lit), utf8.RuneError) {
			return []byte(lit)
		}
	case syntax.OpCapture, syntax.OpPlus:
		return needed(e.Sub[0])
	case syntax.OpConcat:
		var best []byte
		for _, s := range e.Sub {
			if n := needed(s); len(n) > len(best) {
				best = n
			}
		}
		return best
	}
	return nil
}
