package state

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

func randomBytes(r *rand.Rand) []byte {
	n := r.IntN(100)
	switch r.IntN(6) {
	case 0:
		n = r.IntN(4200)
	case 1:
		n = r.IntN(3) * 9000
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestHeapAgainstMap(t *testing.T) {
	var h *Heap
	want := map[Ref][]byte{}
	var refs []Ref
	pick := func(r *rand.Rand) (int, Ref) {
		i := r.IntN(len(refs))
		return i, refs[i]
	}
	step := func(r *rand.Rand) {
		op := r.IntN(6)
		if len(refs) == 0 {
			op = 0
		}
		switch op {
		case 0, 1:
			b := randomBytes(r)
			ref := h.Put(b)
			if _, ok := want[ref]; ok || ref == 0 || ref&7 != 0 {
				panic("Put returns a Ref in use")
			}
			want[ref] = b
			refs = append(refs, ref)
		case 2:
			i, ref := pick(r)
			h.Free(ref)
			delete(want, ref)
			refs = slices.Delete(refs, i, i+1)
		case 3:
			i, ref := pick(r)
			b := randomBytes(r)
			delete(want, ref)
			refs[i] = h.Replace(ref, b)
			want[refs[i]] = b
		case 4:
			_, ref := pick(r)
			if b := want[ref]; len(b) > 0 {
				b = bytes.Clone(b)
				at := r.IntN(len(b))
				n := r.IntN(len(b) - at)
				for i := range n {
					b[at+i]++
				}
				h.WriteAt(ref, at, b[at:at+n])
				want[ref] = b
			}
		default:
			_, ref := pick(r)
			if !bytes.Equal(h.Get(ref), want[ref]) || h.Size(ref) != len(want[ref]) {
				panic("Get")
			}
		}
	}
	check := func(s *Space, w any) {
		h := s.Heap("h")
		want := w.(map[Ref][]byte)
		size := 0
		for ref, b := range want {
			size += len(b)
			if !bytes.Equal(h.Get(ref), b) {
				t.Fatalf("value %x differs", ref)
			}
		}
		if h.Len() != len(want) || h.Bytes() != int64(size) {
			t.Fatalf("%d values of %d bytes, want %d of %d", h.Len(), h.Bytes(), len(want), size)
		}
	}
	runModel(t, 4, func(s *Space) { h = s.Heap("h") }, step, check, func() any { return maps.Clone(want) })
}

func TestHeapClassesCoverAllSizes(t *testing.T) {
	for _, pageSize := range []int{4096, 8192, 16384, 32768} {
		var c classes
		c.init(pageSize)
		if len(c.sizes) > maxClasses {
			t.Fatalf("%d classes", len(c.sizes))
		}
		if !slices.IsSorted(c.sizes) {
			t.Fatal(c.sizes)
		}
		for n := range pageSize {
			k := c.class(n)
			if k < 0 {
				if n+4 <= c.sizes[len(c.sizes)-1] {
					t.Fatalf("a value of %d bytes has no class", n)
				}
				continue
			}
			if c.sizes[k] < n+4 || k > 0 && c.sizes[k-1] >= (n+4+7)&^7 {
				t.Fatalf("a value of %d bytes is in the class of %d", n, c.sizes[k])
			}
			if per, _ := cellFit(pageSize, c.sizes[k]); per == 0 {
				t.Fatalf("a cell of %d bytes does not fit", c.sizes[k])
			}
		}
	}
}
