package op

import "github.com/edgeflow/edgeflow/dataflow/state"

// The entries of a side whose rows expire stand in a list by the time of their last write,
// so that those which expire are found without looking at any other: the side's size
// follows that of the rows which have not expired. A row's arrival may be a little before
// that of a row written earlier; such an entry is found when those before it go, and reads
// as expired in time.

// agesOldest and agesNewest are the words of ages.
const (
	agesOldest = 0
	agesNewest = 8
)

// A sweep forgets at most agesFree entries and agesPace for each that was made since the
// last one, so that no batch does the work of many.
const (
	agesFree = 64
	agesPace = 4
)

// follow makes an entry the one written next after another, or the oldest when that is 0.
func (r *joinRows) follow(before, ref state.Ref) {
	if before != 0 {
		r.set(before, r.newer, int64(ref))
	} else {
		r.ages.SetInt64(agesOldest, int64(ref))
	}
}

// outOfAges takes an entry out of the list.
func (r *joinRows) outOfAges(e []byte) {
	older, newer := state.Ref(at(e, r.older)), state.Ref(at(e, r.newer))
	r.follow(older, newer)
	if newer != 0 {
		r.set(newer, r.older, int64(older))
	} else {
		r.ages.SetInt64(agesNewest, int64(older))
	}
}

// renew notes a write to an entry.
func (r *joinRows) renew(ref state.Ref, now int64) {
	r.set(ref, r.write, now)
	newest := state.Ref(r.ages.Int64(agesNewest))
	if newest == ref {
		return
	}
	r.outOfAges(r.heap.Get(ref))
	r.set(ref, r.older, int64(newest))
	r.set(ref, r.newer, 0)
	r.follow(newest, ref)
	r.ages.SetInt64(agesNewest, int64(ref))
}

// sweep forgets the oldest entries that have expired at a time of arrival.
func (r *joinRows) sweep(now int64) {
	if r.ages == nil {
		return
	}
	most := agesFree + agesPace*r.made
	r.made = 0
	for ; most > 0; most-- {
		ref := state.Ref(r.ages.Int64(agesOldest))
		if ref == 0 {
			return
		}
		e := r.heap.Get(ref)
		if !r.dead(e, now) {
			return
		}
		r.keyBuf = r.key.codec.repack(r.keyBuf[:0], r.row, e[r.head:])
		k, _ := r.keys.Get(r.keyBuf)
		r.unlink(ref, k)
		if word(r.keys.Value(k), 0) == 0 {
			r.keys.Delete(r.keyBuf)
		}
	}
}
