package state

import "encoding/binary"

// probe is one key's way through UpsertBatch.
type probe struct {
	hash uint32
	home int32
	page PageID
	row  Ref // candidate; 0 when there is none
}

// chunk is how many keys go through a stage of UpsertBatch together: enough for
// the processor to have many cache misses under way, few enough to stay cached.
const chunk = 32

// UpsertBatch is Upsert for the keys keys[offsets[i]:offsets[i+1]]. It puts their
// rows into rows[i] and whether they are new into created[i]; both have
// len(offsets)-1 entries. Keys may repeat. Each stage touches the memory that the
// next one needs, for many keys at once.
func (t *Table) UpsertBatch(keys []byte, offsets []uint32, rows []Row, created []bool) {
	if len(offsets) < 2 {
		return
	}
	if t.batch == nil {
		t.batch = make([]probe, chunk)
	}
	n := len(offsets) - 1
	for from := 0; from < n; from += chunk {
		m := min(chunk, n-from)
		offs := offsets[from : from+m+1]
		t.probeBatch(keys, offs)
		for i := range m {
			key := keys[offs[i]:offs[i+1]]
			b := &t.batch[i]
			if b.row != 0 && t.match(b.row, key) {
				rows[from+i], created[from+i] = Row(b.row), false
				continue
			}
			r, _, _ := t.find(b.hash, key)
			if created[from+i] = r == 0; r == 0 {
				r = Ref(t.insert(b.hash, key))
			}
			rows[from+i] = Row(r)
		}
	}
}

// GetBatch is Get for packed keys as in UpsertBatch; rows[i] is 0 when there is
// no row.
func (t *Table) GetBatch(keys []byte, offsets []uint32, rows []Row) {
	if len(offsets) < 2 {
		return
	}
	if t.batch == nil {
		t.batch = make([]probe, chunk)
	}
	n := len(offsets) - 1
	for from := 0; from < n; from += chunk {
		m := min(chunk, n-from)
		offs := offsets[from : from+m+1]
		t.probeBatch(keys, offs)
		for i := range m {
			key := keys[offs[i]:offs[i+1]]
			r := t.batch[i].row
			if r == 0 || !t.match(r, key) {
				r, _, _ = t.find(t.batch[i].hash, key)
			}
			rows[from+i] = Row(r)
		}
	}
}

// probeBatch fills t.batch for at most chunk keys: hashes, then the first slot
// with an equal hash, then a byte of the row it points at.
func (t *Table) probeBatch(keys []byte, offs []uint32) {
	var sink byte
	batch := t.batch[:len(offs)-1]
	for i := range batch {
		b := &batch[i]
		b.hash = t.hash(keys[offs[i]:offs[i+1]])
		b.page = t.index.ids[t.bucket(b.hash)]
		b.home = int32(t.home(b.hash))
		sink ^= t.a.Read(makeRef(b.page, indexHeader+8*int(b.home)), 8)[0]
	}
	for i := range batch {
		b := &batch[i]
		b.row = 0
		pg := t.a.read(b.page)
		for k := int(b.home); ; {
			w := binary.LittleEndian.Uint64(pg[indexHeader+8*k:])
			if w == 0 {
				break
			}
			if uint32(w>>32) == b.hash {
				b.row = t.rowRef(uint32(w))
				sink ^= t.a.Read(b.row, 8)[0]
				break
			}
			if k++; k == t.nslots {
				k = 0
			}
		}
	}
	batch[0].home = int32(sink) // keeps the loads
}
