package state

import "fmt"

// frames hands out the memory of pages from slabs. Frame 0 is never given out.
// The lowest free frame is used first, so that slabs at the end become empty
// and go back to the Go heap.
type frames struct {
	size    int      // bytes of a slab
	perSlab int      // frames of a slab
	slabs   [][]byte // nil when given back
	inUse   []int32  // frames in use per slab
	free    bitmap
	nfree   int
	hint    int
	live    int // frames of slabs that exist
}

// alloc returns a frame. Its bytes are not zeroed.
func (f *frames) alloc() uint32 {
	if f.nfree == 0 {
		f.addSlab()
	}
	i := f.free.next(f.hint)
	f.hint = i + 1
	f.free.clear(uint32(i))
	f.nfree--
	f.inUse[i/f.perSlab]++
	return uint32(i)
}

// addSlab makes a slab, in the place of one given back if there is one.
func (f *frames) addSlab() {
	s := 0
	for s < len(f.slabs) && f.slabs[s] != nil {
		s++
	}
	if s == len(f.slabs) {
		f.slabs = append(f.slabs, nil)
		f.inUse = append(f.inUse, 0)
		f.free = f.free.grow(len(f.slabs) * f.perSlab)
	}
	f.slabs[s] = make([]byte, f.size)
	f.live += f.perSlab
	first := s * f.perSlab
	for i := max(first, 1); i < first+f.perSlab; i++ {
		f.free.set(uint32(i))
		f.nfree++
	}
	f.hint = min(f.hint, first)
}

// release frees a frame, and its slab when that is the last one in use there.
func (f *frames) release(id uint32) {
	if id == 0 || f.free.has(id) {
		panic(fmt.Sprintf("state: frame %d freed twice", id))
	}
	s := int(id) / f.perSlab
	f.free.set(id)
	f.nfree++
	f.hint = min(f.hint, int(id))
	f.inUse[s]--
	if f.inUse[s] > 0 || s == 0 {
		return
	}
	for i := s * f.perSlab; i < (s+1)*f.perSlab; i++ {
		f.free.clear(uint32(i))
		f.nfree--
	}
	f.slabs[s] = nil
	f.live -= f.perSlab
}

func (f *frames) data(id uint32, pageShift, slabShift uint, slabMask uint32) []byte {
	off := int(id&slabMask) << pageShift
	end := off + 1<<pageShift
	return f.slabs[id>>slabShift][off:end:end]
}
