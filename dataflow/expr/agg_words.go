package expr

import "github.com/edgeflow/edgeflow/dataflow/types"

// Words are sets of 8-byte words of a state, bit i for the word at offset 8i; words from 64 on
// are in no set.
type Words uint64

// wordsOf tells which words of an aggregate's state are Refs into the heap, and which floats.
func wordsOf(a aggImpl) (refs, floats Words) {
	switch a := a.(type) {
	case *extremeAgg:
		return a.slot.words()
	case *edgeAgg:
		return a.slot.words()
	case *sumFloat:
		return 0, 1 << 1
	case *varAgg:
		return 0, 1<<1 | 1<<2
	case *hllAgg:
		return 1 << 0, 0
	case *sketchAgg:
		return 1<<0 | 1<<1, 0
	case *distinctAgg:
		at := 0
		for _, m := range a.members {
			r, f := wordsOf(m.inner)
			refs, floats = refs|r<<at, floats|f<<at
			at += m.inner.size() / 8
		}
	}
	return refs, floats
}

func (s slotState) words() (refs, floats Words) {
	switch s.phys {
	case types.Bytes:
		return 1 << 1, 0
	case types.F64:
		return 0, 1 << 1
	}
	return 0, 0
}
