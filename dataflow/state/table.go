package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Row addresses a row of a Table. It stays the same while the row exists.
type Row Ref

// TableSpec is the shape of a Table's rows.
type TableSpec struct {
	KeySize   int // bytes of a key; 0 means keys of variable length
	ValueSize int // bytes of a value
}

// Keys of variable length lie in the row up to varInline bytes; of longer ones
// the row holds a prefix and the Ref of the whole key in the table's heap.
const (
	varInline = 28
	varPrefix = 20
	varArea   = 32 // u32 length, then 28 bytes, or 20 bytes prefix and a Ref
)

func (s TableSpec) keyArea() int {
	if s.KeySize == 0 {
		return varArea
	}
	return (s.KeySize + 7) &^ 7
}

func (s TableSpec) rowSize() int { return max(8, s.keyArea()+(s.ValueSize+7)&^7) }

// Validate reports a shape that does not fit the pages of an arena.
func (s TableSpec) validate(pageSize int) error {
	if s.KeySize < 0 || s.ValueSize < 0 {
		return fmt.Errorf("state: table with a key of %d and a value of %d bytes", s.KeySize, s.ValueSize)
	}
	if most := pageSize - cellsBitmap - 8; s.rowSize() > most {
		return fmt.Errorf("state: a row of %d bytes is larger than a page holds (%d); keep large values in the heap", s.rowSize(), most)
	}
	return nil
}

// Table is a hash table of rows of fixed layout: the key, then the value, both
// padded to 8 bytes. The index grows and shrinks by linear hashing (Litwin 1980)
// with a page for a bucket: one page is split or merged at a time, so no
// operation takes long. Inside an index page slots are probed linearly. A slot
// is the 32-bit hash << 32 | row number + 1; a row number is the place of the
// row's page in the row directory << rowBits | cell number.
//
// Root page: 8 u64 rows, 16 u32 key size, 20 u32 value size, 24 u32 level, 28 u32
// split, 32 u64 heads of the row pool, 40 u32 1 when the heap is in use, 48 u64 seed of the
// hash, 64 heap root, then the directories of index pages and of row pages.
//
// Index page: 0 kind, 2 u16 slots in use, 4 u32 next page when the bucket
// overflows, 16 slots.
type Table struct {
	a      *Arena
	spec   TableSpec
	root   PageID
	keyLen int // bytes of the key's area
	hasher hasher
	perBit uint
	len    int
	level  uint
	split  uint32
	mask   uint32 // 1<<level - 1
	nslots int
	limit  int // slots in use at which a page overflows
	index  pageVec
	dir    pageVec
	holes  []uint32 // places of dir without a page
	rows   cellPool
	heap   Heap
	batch  []probe
	made   int    // rows made since the last Sweep
	key    []byte // the key of a row being swept
}

const (
	tableVecs   = 64 + heapRoot
	indexHeader = 16
)

func createTable(a *Arena, spec TableSpec) *Table {
	t := &Table{}
	t.create(a, spec)
	return t
}

// create makes a new table and binds t to it, keeping its buffers.
func (t *Table) create(a *Arena, spec TableSpec) {
	p := a.alloc(kindTable)
	w := a.write(p)
	binary.LittleEndian.PutUint32(w[16:], uint32(spec.KeySize))
	binary.LittleEndian.PutUint32(w[20:], uint32(spec.ValueSize))
	binary.LittleEndian.PutUint64(w[48:], a.opt.HashSeed)
	t.open(a, p)
	t.index.push(a.alloc(kindIndex))
}

func openTable(a *Arena, root PageID) *Table {
	t := &Table{}
	t.open(a, root)
	return t
}

// open binds t to the table at root, keeping its buffers.
func (t *Table) open(a *Arena, root PageID) {
	w := a.read(root)
	t.a, t.root = a, root
	t.spec = TableSpec{
		KeySize:   int(binary.LittleEndian.Uint32(w[16:])),
		ValueSize: int(binary.LittleEndian.Uint32(w[20:])),
	}
	t.keyLen = t.spec.keyArea()
	t.hasher = newHasher(binary.LittleEndian.Uint64(w[48:]))
	t.len = int(binary.LittleEndian.Uint64(w[8:]))
	t.level = uint(binary.LittleEndian.Uint32(w[24:]))
	t.split = binary.LittleEndian.Uint32(w[28:])
	t.mask = 1<<t.level - 1
	t.nslots = (a.pageSize - indexHeader) / 8
	t.limit = t.nslots * 15 / 16
	t.rows.open(a, makeRef(root, 32), 0, t.spec.rowSize())
	t.perBit = uint(bits.Len(uint(t.rows.per - 1)))
	t.heap.open(a, makeRef(root, 64))
	room := (a.pageSize - tableVecs) / 2 &^ 7
	t.index.open(a, makeRef(root, tableVecs), room)
	t.dir.open(a, makeRef(root, tableVecs+room), room)
	t.holes = t.holes[:0]
	for i, p := range t.dir.ids {
		if p == 0 {
			t.holes = append(t.holes, uint32(i))
		}
	}
}

// Spec returns the shape of the rows.
func (t *Table) Spec() TableSpec { return t.spec }

// Len returns the number of rows.
func (t *Table) Len() int { return t.len }

// Heap returns the heap for values of variable length that the rows refer to. It
// is freed whole with the table. It also holds the table's long keys.
func (t *Table) Heap() *Heap { return &t.heap }

// Value returns the value of row r, for reading.
func (t *Table) Value(r Row) []byte { return t.a.Read(Ref(r)+Ref(t.keyLen), t.spec.ValueSize) }

// MutValue returns the value of row r, for writing.
func (t *Table) MutValue(r Row) []byte { return t.a.Write(Ref(r)+Ref(t.keyLen), t.spec.ValueSize) }

// Key returns the key of row r. It must not be written to.
func (t *Table) Key(r Row) []byte {
	if t.spec.KeySize > 0 {
		return t.a.Read(Ref(r), t.spec.KeySize)
	}
	k := t.a.Read(Ref(r), varArea)
	n := int(binary.LittleEndian.Uint32(k))
	if n <= varInline {
		return k[4 : 4+n]
	}
	return t.heap.Get(Ref(binary.LittleEndian.Uint64(k[24:])))
}

func (t *Table) hash(key []byte) uint32 {
	if t.spec.KeySize != 0 && len(key) != t.spec.KeySize {
		panic(fmt.Sprintf("state: key of %d bytes in a table with keys of %d", len(key), t.spec.KeySize))
	}
	return t.hasher.bytes(key)
}

// bucket returns the number of the index page for a hash.
func (t *Table) bucket(h uint32) uint32 {
	b := h & t.mask
	if b < t.split {
		b = h & (t.mask<<1 | 1)
	}
	return b
}

// home returns where the probing for a hash begins in an index page.
func (t *Table) home(h uint32) int { return int((h >> 16) * uint32(t.nslots) >> 16) }

func (t *Table) rowRef(n uint32) Ref {
	n--
	return makeRef(t.dir.ids[n>>t.perBit], t.rows.data+int(n&(1<<t.perBit-1))*t.rows.size)
}

// match reports whether the row at r has the key.
func (t *Table) match(r Ref, key []byte) bool {
	switch t.spec.KeySize {
	case 8:
		return binary.LittleEndian.Uint64(t.a.Read(r, 8)) == binary.LittleEndian.Uint64(key)
	case 0:
		k := t.a.Read(r, varArea)
		n := len(key)
		if int(binary.LittleEndian.Uint32(k)) != n {
			return false
		}
		if n <= varInline {
			return string(k[4:4+n]) == string(key)
		}
		return string(k[4:4+varPrefix]) == string(key[:varPrefix]) &&
			bytes.Equal(t.heap.Get(Ref(binary.LittleEndian.Uint64(k[24:]))), key)
	}
	return string(t.a.Read(r, t.spec.KeySize)) == string(key)
}

// find returns the row with the key, and the index page and slot that point at it.
func (t *Table) find(h uint32, key []byte) (r Ref, p PageID, slot int) {
	for p = t.index.ids[t.bucket(h)]; p != 0; {
		pg := t.a.read(p)
		for i := t.home(h); ; {
			w := binary.LittleEndian.Uint64(pg[indexHeader+8*i:])
			if w == 0 {
				break
			}
			if uint32(w>>32) == h {
				if r := t.rowRef(uint32(w)); t.match(r, key) {
					return r, p, i
				}
			}
			if i++; i == t.nslots {
				i = 0
			}
		}
		p = PageID(binary.LittleEndian.Uint32(pg[4:]))
	}
	return 0, 0, 0
}

// Get returns the row with the key.
func (t *Table) Get(key []byte) (Row, bool) {
	r, _, _ := t.find(t.hash(key), key)
	return Row(r), r != 0
}

// Upsert returns the row with the key, making it if there is none; a new row's
// value is zero.
func (t *Table) Upsert(key []byte) (row Row, created bool) {
	h := t.hash(key)
	if r, _, _ := t.find(h, key); r != 0 {
		return Row(r), false
	}
	return t.insert(h, key), true
}

func (t *Table) insert(h uint32, key []byte) Row {
	r, fresh := t.rows.alloc()
	slot := t.rowSlot(r.Page(), fresh)
	row := t.a.Write(r, t.rows.size)
	clear(row)
	if t.spec.KeySize > 0 {
		copy(row, key)
	} else {
		t.putKey(row, key)
	}
	n := slot<<t.perBit | uint32((r.Offset()-t.rows.data)/t.rows.size)
	t.addSlot(t.index.ids[t.bucket(h)], uint64(h)<<32|uint64(n+1))
	t.made++
	t.setLen(t.len + 1)
	if t.len > len(t.index.ids)*(t.nslots*42/100) {
		t.splitNext()
	}
	return Row(r)
}

func (t *Table) putKey(row, key []byte) {
	binary.LittleEndian.PutUint32(row, uint32(len(key)))
	if len(key) <= varInline {
		copy(row[4:], key)
		return
	}
	copy(row[4:4+varPrefix], key)
	binary.LittleEndian.PutUint64(row[24:], uint64(t.heap.Put(key)))
}

// rowSlot returns the place of a page of rows in the directory.
func (t *Table) rowSlot(p PageID, fresh bool) uint32 {
	if !fresh {
		return binary.LittleEndian.Uint32(t.a.Read(makeRef(p, 8), 8)[cellsSlot-8:])
	}
	slot := uint32(len(t.dir.ids))
	if n := len(t.holes); n > 0 {
		slot, t.holes = t.holes[n-1], t.holes[:n-1]
		t.dir.set(int(slot), p)
	} else {
		t.dir.push(p)
	}
	binary.LittleEndian.PutUint32(t.a.Write(makeRef(p, 8), 8)[cellsSlot-8:], slot)
	return slot
}

func (t *Table) setLen(n int) {
	t.len = n
	binary.LittleEndian.PutUint64(t.a.Write(makeRef(t.root, 8), 8), uint64(n))
}

// Delete removes the row with the key and reports whether there was one.
func (t *Table) Delete(key []byte) bool {
	r, p, slot := t.find(t.hash(key), key)
	if r == 0 {
		return false
	}
	t.dropSlot(p, slot)
	if t.spec.KeySize == 0 {
		if k := t.a.Read(r, varArea); binary.LittleEndian.Uint32(k) > varInline {
			t.heap.Free(Ref(binary.LittleEndian.Uint64(k[24:])))
		}
	}
	place := t.rowSlot(r.Page(), false)
	if t.rows.free(r) {
		t.dir.set(int(place), 0)
		t.holes = append(t.holes, place)
	}
	t.setLen(t.len - 1)
	if n := len(t.index.ids); n > 1 && t.len < n*(t.nslots*14/100) {
		t.mergeLast()
	}
	return true
}

// Scan calls fn for each row until fn returns false. fn must not add or delete
// rows. Pages that Scan itself reads back are dropped again behind it.
func (t *Table) Scan(fn func(Row) bool) {
	for i := 0; i < len(t.dir.ids); i++ {
		p := t.dir.ids[i]
		if p == 0 {
			continue
		}
		absent := t.a.pages[p].frame == 0
		if !t.rows.cellsIn(p, func(r Ref) bool { return fn(Row(r)) }) {
			return
		}
		if absent {
			t.a.drop(p)
		}
	}
}

// each calls fn for each page of the table. fn may free it.
func (t *Table) each(fn func(PageID)) {
	t.heap.each(fn)
	t.rows.each(fn)
	for _, p := range t.index.ids {
		eachChain(t.a, p, fn)
	}
	t.index.each(fn)
	t.dir.each(fn)
	fn(t.root)
}

// sweepPace is how many rows Sweep looks at for each row made since it was last called.
// A row that may go is then found before the table has grown by a quarter, and a table of
// which every row may go after some time holds about a seventh more rows than it must.
const sweepPace = 4

// sweepHoles is how many places without a page Sweep passes for the price of a page.
const sweepHoles = 64

// Sweep looks at the rows of a number of row pages, beginning at place from, and deletes
// those for which fn returns true. The number is pages, or that of sweepPace rows for each
// row made since the last Sweep when this is larger: expired rows are given back as fast as
// others come. It returns the place to go on from, which is 0 after the last page. fn must
// not add or delete rows.
func (t *Table) Sweep(from, pages int, fn func(Row) bool) (next int) {
	pages = max(pages, (t.made*sweepPace+t.rows.per-1)/t.rows.per)
	t.made = 0
	began := from
	for places := pages * sweepHoles; pages > 0 && places > 0 && from < len(t.dir.ids); from++ {
		places--
		if t.dir.ids[from] != 0 {
			pages--
			t.sweepPage(from, fn)
		}
	}
	if from < len(t.dir.ids) {
		return from
	}
	if began > 0 { // what is left to do is done by the next one
		t.made = pages * t.rows.per / sweepPace
	}
	return 0
}

// sweepPage is Sweep for the page at a place of the directory.
func (t *Table) sweepPage(place int, fn func(Row) bool) {
	p := t.dir.ids[place]
	for i := 0; i < t.rows.per && t.dir.ids[place] == p; i += 64 {
		w := binary.LittleEndian.Uint64(t.a.Read(makeRef(p, cellsBitmap+i/8), 8))
		for ; w != 0; w &= w - 1 {
			r := Row(makeRef(p, t.rows.data+(i+bits.TrailingZeros64(w))*t.rows.size))
			if fn(r) {
				t.key = append(t.key[:0], t.Key(r)...)
				t.Delete(t.key)
			}
		}
	}
}
