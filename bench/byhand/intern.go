package byhand

import "encoding/binary"

// interner numbers pairs of customer and network, in an open-addressing table with linear
// probing that is at most half full.
type interner struct {
	slots []int32 // number + 1, or 0
	keys  []pair
}

type pair struct {
	hash          uint64
	customer, cdn string
}

func newInterner() interner { return interner{slots: make([]int32, 256)} }

// id is the pair's number.
func (t *interner) id(customer, cdn []byte) int {
	h := mix(mix(0, customer), cdn)
	mask := uint64(len(t.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		n := t.slots[i]
		if n == 0 {
			return t.add(i, pair{h, string(customer), string(cdn)})
		}
		if k := &t.keys[n-1]; k.hash == h && k.customer == string(customer) && k.cdn == string(cdn) {
			return int(n - 1)
		}
	}
}

func (t *interner) add(slot uint64, p pair) int {
	t.keys = append(t.keys, p)
	t.slots[slot] = int32(len(t.keys))
	if 2*len(t.keys) > len(t.slots) {
		t.slots = make([]int32, 2*len(t.slots))
		mask := uint64(len(t.slots) - 1)
		for n, k := range t.keys {
			i := k.hash & mask
			for t.slots[i] != 0 {
				i = (i + 1) & mask
			}
			t.slots[i] = int32(n + 1)
		}
	}
	return len(t.keys) - 1
}

// mix folds the bytes of b into h, 8 at a time.
func mix(h uint64, b []byte) uint64 {
	const prime = 0x9e3779b97f4a7c15
	h ^= uint64(len(b))
	for len(b) >= 8 {
		h = (h ^ binary.LittleEndian.Uint64(b)) * prime
		h ^= h >> 32
		b = b[8:]
	}
	var tail uint64
	for _, c := range b {
		tail = tail<<8 | uint64(c)
	}
	h = (h ^ tail) * prime
	return h ^ h>>29
}
