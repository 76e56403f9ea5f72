package state

import "encoding/binary"

// addSlot puts a slot into the bucket that begins at page p.
func (t *Table) addSlot(p PageID, slot uint64) {
	pg := t.a.read(p)
	for int(binary.LittleEndian.Uint16(pg[2:])) >= t.limit {
		next := PageID(binary.LittleEndian.Uint32(pg[4:]))
		if next == 0 {
			next = t.a.alloc(kindIndex)
			binary.LittleEndian.PutUint32(t.a.Write(makeRef(p, 0), 8)[4:], uint32(next))
		}
		p = next
		pg = t.a.read(p)
	}
	pg = t.a.write(p)
	binary.LittleEndian.PutUint16(pg[2:], binary.LittleEndian.Uint16(pg[2:])+1)
	i := t.home(uint32(slot >> 32))
	for binary.LittleEndian.Uint64(pg[indexHeader+8*i:]) != 0 {
		if i++; i == t.nslots {
			i = 0
		}
	}
	binary.LittleEndian.PutUint64(pg[indexHeader+8*i:], slot)
}

// dropSlot empties slot i of index page p and moves later slots of the same
// probe sequence up, so that no marks of deleted slots are needed.
func (t *Table) dropSlot(p PageID, i int) {
	pg := t.a.write(p)
	binary.LittleEndian.PutUint16(pg[2:], binary.LittleEndian.Uint16(pg[2:])-1)
	for j := i; ; {
		if j++; j == t.nslots {
			j = 0
		}
		w := binary.LittleEndian.Uint64(pg[indexHeader+8*j:])
		if w == 0 {
			break
		}
		// The slot at j may move to i unless its home lies between them.
		home := t.home(uint32(w >> 32))
		if i <= j && (home <= i || home > j) || i > j && home <= i && home > j {
			binary.LittleEndian.PutUint64(pg[indexHeader+8*i:], w)
			i = j
		}
	}
	binary.LittleEndian.PutUint64(pg[indexHeader+8*i:], 0)
}

// takeSlots appends the slots of the bucket at page p to dst, empties the page
// and frees the pages that the bucket overflowed to.
func (t *Table) takeSlots(dst []uint64, p PageID) []uint64 {
	for q := p; q != 0; {
		pg := t.a.read(q)
		for off := indexHeader; off+8 <= len(pg); off += 8 {
			if w := binary.LittleEndian.Uint64(pg[off:]); w != 0 {
				dst = append(dst, w)
			}
		}
		next := PageID(binary.LittleEndian.Uint32(pg[4:]))
		if q != p {
			t.a.release(q)
		}
		q = next
	}
	pg := t.a.write(p)
	clear(pg[1:])
	return dst
}

// splitNext splits the next bucket in turn.
func (t *Table) splitNext() {
	from := t.index.ids[t.split]
	to := t.a.alloc(kindIndex)
	t.index.push(to)
	slots := t.takeSlots(t.a.slots[:0], from)
	for _, w := range slots {
		if uint32(w>>32)>>t.level&1 == 0 {
			t.addSlot(from, w)
		} else {
			t.addSlot(to, w)
		}
	}
	t.a.slots = slots
	if t.split++; t.split > t.mask {
		t.split = 0
		t.level++
	}
	t.putLevel()
}

// mergeLast undoes the last split.
func (t *Table) mergeLast() {
	if t.split == 0 {
		t.level--
		t.split = 1 << t.level
	}
	t.split--
	last := t.index.ids[len(t.index.ids)-1]
	slots := t.takeSlots(t.a.slots[:0], last)
	t.index.pop()
	t.a.release(last)
	into := t.index.ids[t.split]
	for _, w := range slots {
		t.addSlot(into, w)
	}
	t.a.slots = slots
	t.putLevel()
}

func (t *Table) putLevel() {
	t.mask = 1<<t.level - 1
	w := t.a.Write(makeRef(t.root, 24), 8)
	binary.LittleEndian.PutUint32(w, uint32(t.level))
	binary.LittleEndian.PutUint32(w[4:], t.split)
}
