package op

import (
	"bytes"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// rowFrame is the rows of a bounded frame, oldest first, during a walk.
type rowFrame struct {
	rows [][]byte `scratch:"a ring of encoded rows"`
	head int
	n    int
}

// push adds a row behind the others.
func (f *rowFrame) push(row []byte) {
	if f.n == len(f.rows) { // the ring is unrolled before it grows
		rows := append(append([][]byte(nil), f.rows[f.head:]...), f.rows[:f.head]...)
		f.rows, f.head = append(rows, nil), 0
	}
	at := (f.head + f.n) % len(f.rows)
	f.rows[at] = append(f.rows[at][:0], row...)
	f.n++
}

// pop takes the oldest row; it is valid until the next push.
func (f *rowFrame) pop() []byte {
	row := f.rows[f.head]
	f.head = (f.head + 1) % len(f.rows)
	f.n--
	return row
}

// slide walks the rows whose frames of a number of rows hold the loaded row, which is put
// in or about to go, with the rows before them that their frames begin with, and emits what
// changes.
func (o *FreeOver) slide(v []byte, put bool) error {
	o.begin(o.with)
	o.begin(o.without)
	o.frames[0].n, o.frames[1].n = 0, 0
	r, id := o.ranked, word(v, overID)
	o.mine = append(o.mine[:0], r.key...)
	ok, behind := o.back(id), int64(-1) // rows behind the loaded one
	for ; ok && behind < o.cfg.Preceding; ok = r.next() {
		own := bytes.Equal(r.it.Key(), o.mine)
		o.cur = append(o.cur[:0], r.it.Value()...)
		o.advance(o.with, &o.frames[0])
		if !own {
			o.advance(o.without, &o.frames[1])
		}
		if own || behind >= 0 {
			behind++
			if err := o.change(own, put); err != nil {
				return err
			}
		}
	}
	o.calls.release(o.with)
	o.calls.release(o.without)
	if put {
		count(v[overCount:], 1)
		return nil
	}
	r.key = append(r.key[:0], o.mine...)
	r.remove()
	if count(v[overCount:], -1); word(v, overCount) == 0 {
		o.partitions.Delete(o.key)
	}
	return nil
}

// back moves the walk to the first row of the loaded row's frame.
func (o *FreeOver) back(id int64) bool {
	r := o.ranked
	r.to = appendID(r.to[:0], id)
	r.it.Seek(o.mine)
	for range o.cfg.Preceding {
		if !r.it.Prev() || !bytes.HasPrefix(r.it.Key(), r.to) {
			return r.first(id)
		}
	}
	return r.it.Valid() && bytes.HasPrefix(r.it.Key(), r.to)
}

// advance adds the row in hand to a state, and takes out the one that leaves its frame.
func (o *FreeOver) advance(st []byte, f *rowFrame) {
	f.push(o.cur)
	if int64(f.n) > o.cfg.Preceding+1 {
		o.calls.load(o.ranked.codec, f.pop())
		o.calls.update(st, nil, 0, true)
	}
	o.calls.load(o.ranked.codec, o.cur)
	o.calls.update(st, &o.calls.batch, 0, false)
}

// change emits how the row in hand changes.
func (o *FreeOver) change(own, put bool) error {
	former, latter := o.without, o.with
	if !put {
		former, latter = latter, former
	}
	switch {
	case own && put:
		return o.send(vec.Insert, o.cur, latter)
	case own:
		return o.send(vec.Delete, o.cur, former)
	}
	if err := o.emit.room(2); err != nil {
		return err
	}
	for _, c := range o.before {
		c.Reset()
	}
	was := o.calls.result(former, o.before, 0)
	at, aggs := o.emit.row(), o.emit.batch.Cols[len(o.cfg.Input):]
	if is := o.calls.result(latter, aggs, at); was == nil && is == nil && sameCells(o.before, 0, aggs, at) {
		return nil
	}
	if o.cfg.UpdateBefore {
		if err := o.send(vec.UpdateBefore, o.cur, former); err != nil {
			return err
		}
	}
	return o.send(vec.UpdateAfter, o.cur, latter)
}
