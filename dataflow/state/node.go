package state

import "encoding/binary"

// node is a page of a B+-tree: 0 kind, 1 level (0 for a leaf), 2 u16 cells, 4 u16
// offset of the lowest cell, 6 u16 bytes of freed cells, 8 u32 previous leaf, 12
// u32 next leaf, 16 u32 leftmost child, 24 u16 offsets of the cells in key order;
// cells lie at the end of the page, 8-byte aligned.
//
// Leaf cell: u16 key length, u16 value length, key, padding to 8, value. Inner
// cell: u16 key length, u16 unused, u32 child, key; the child has the keys that
// are not less. The high bit of a length says that the bytes are not the whole:
// of a key they are a prefix and a Ref, of a value a Ref.
type node []byte

const (
	nodeHeader = 24
	cellLong   = 1 << 15
	keyPrefix  = 32 // bytes of a long key in its cell, before the Ref
)

func (n node) leaf() bool         { return n[1] == 0 }
func (n node) len() int           { return int(binary.LittleEndian.Uint16(n[2:])) }
func (n node) low() int           { return int(binary.LittleEndian.Uint16(n[4:])) }
func (n node) holes() int         { return int(binary.LittleEndian.Uint16(n[6:])) }
func (n node) prev() PageID       { return PageID(binary.LittleEndian.Uint32(n[8:])) }
func (n node) next() PageID       { return PageID(binary.LittleEndian.Uint32(n[12:])) }
func (n node) setLen(v int)       { binary.LittleEndian.PutUint16(n[2:], uint16(v)) }
func (n node) setLow(v int)       { binary.LittleEndian.PutUint16(n[4:], uint16(v)) }
func (n node) setHoles(v int)     { binary.LittleEndian.PutUint16(n[6:], uint16(v)) }
func (n node) setPrev(p PageID)   { binary.LittleEndian.PutUint32(n[8:], uint32(p)) }
func (n node) setNext(p PageID)   { binary.LittleEndian.PutUint32(n[12:], uint32(p)) }
func (n node) off(i int) int      { return int(binary.LittleEndian.Uint16(n[nodeHeader+2*i:])) }
func (n node) setOff(i, v int)    { binary.LittleEndian.PutUint16(n[nodeHeader+2*i:], uint16(v)) }
func (n node) setFirst(p PageID)  { binary.LittleEndian.PutUint32(n[16:], uint32(p)) }
func (n node) used() int          { return 2*n.len() + len(n) - n.low() - n.holes() }
func (n node) room() int          { return len(n) - nodeHeader - n.used() }
func (n node) capacity() int      { return len(n) - nodeHeader }
func initNode(n node, level byte) { n[1] = level; n.setLow(len(n)) }

// child returns child i of an inner node; -1 is the leftmost.
func (n node) child(i int) PageID {
	if i < 0 {
		return PageID(binary.LittleEndian.Uint32(n[16:]))
	}
	return PageID(binary.LittleEndian.Uint32(n[n.off(i)+4:]))
}

// key returns the bytes of key i in its cell, and whether the key is longer.
func (n node) key(i int) (k []byte, long bool) {
	at := n.off(i)
	size := int(binary.LittleEndian.Uint16(n[at:]))
	long = size&cellLong != 0
	size &^= cellLong
	if n.leaf() {
		return n[at+4 : at+4+size : at+4+size], long
	}
	return n[at+8 : at+8+size : at+8+size], long
}

// value returns where the value of leaf cell i is, its length in the cell, and
// whether it is a Ref.
func (n node) value(i int) (at, size int, long bool) {
	c := n.off(i)
	k := int(binary.LittleEndian.Uint16(n[c:])) &^ cellLong
	v := int(binary.LittleEndian.Uint16(n[c+2:]))
	return c + (4+k+7)&^7, v &^ cellLong, v&cellLong != 0
}

func (n node) cellSize(i int) int {
	if n.leaf() {
		at, size, _ := n.value(i)
		return (at+size+7)&^7 - n.off(i)
	}
	k, _ := n.key(i)
	return (8 + len(k) + 7) &^ 7
}

func (n node) cell(i int) []byte {
	at := n.off(i)
	return n[at : at+n.cellSize(i)]
}

// insert makes room for a cell of size bytes at place i and returns it, or nil
// when the node is too full.
func (n node) insert(i, size int, scratch []byte) []byte {
	if size+2 > n.room() {
		return nil
	}
	if n.low()-nodeHeader-2*n.len() < size+2 {
		n.compact(scratch)
	}
	low := n.low() - size
	n.setLow(low)
	count := n.len()
	copy(n[nodeHeader+2*i+2:nodeHeader+2*count+2], n[nodeHeader+2*i:nodeHeader+2*count])
	n.setOff(i, low)
	n.setLen(count + 1)
	return n[low : low+size]
}

// remove takes out cells i to j-1.
func (n node) remove(i, j int) {
	freed := 0
	for k := i; k < j; k++ {
		freed += n.cellSize(k)
	}
	count := n.len()
	copy(n[nodeHeader+2*i:], n[nodeHeader+2*j:nodeHeader+2*count])
	n.setLen(count - (j - i))
	n.setHoles(n.holes() + freed)
}

// compact moves the cells together.
func (n node) compact(scratch []byte) {
	old := node(scratch[:len(n)])
	copy(old, n)
	low := len(n)
	for i := range n.len() {
		c := old.cell(i)
		low -= len(c)
		copy(n[low:], c)
		n.setOff(i, low)
	}
	n.setLow(low)
	n.setHoles(0)
}

// moveTo appends cells i to the end to the node m and takes them out.
func (n node) moveTo(m node, i int, scratch []byte) {
	for k := i; k < n.len(); k++ {
		c := n.cell(k)
		copy(m.insert(m.len(), len(c), scratch), c)
	}
	n.remove(i, n.len())
}
