package op

import "github.com/edgeflow/edgeflow/dataflow/state"

const (
	// nearPlaces is the number of places for rows that are remembered, nearMost that of a
	// pane's groups from which on looking there is in vain.
	nearPlaces = 128
	nearMost   = 4 * nearPlaces
)

// near remembers where the rows of groups are, by the start of the pane and the key: a row
// stays where it is while its pane exists, and a pane that was dropped does not come back.
// Each key has one place, which the newest of those that share it takes.
type near [nearPlaces]nearRow

type nearRow struct {
	start int64
	key   nearKey
	row   state.Row // 0: none
}

// nearKey is a short key as words.
type nearKey struct{ shape, a, b, c, d uint64 }

// of is the place of a key.
func (n *near) of(start int64, k nearKey) *nearRow {
	// Each word times an odd number of its own: the sum's high bits depend on all.
	h := k.a + k.b*0xf1357aea2e62a9c5 + k.c*0xd1342543de82ef95 + k.d*0xaf251af3b0f025b5 + k.shape*0x94d049bb133111eb + uint64(start)
	return &n[h*0x9e3779b97f4a7c15>>57]
}

// Near is Row for a key of few words, where the row is remembered; otherwise it is nil, and
// nothing has changed: Row is then due, with the same key, packed. shape and the words tell
// keys apart: shape holds which columns are NULL and how long the texts are, and what does
// not fill a word is padded with zeros.
//
// A key needs not be packed then, and nothing branches on the lengths of its texts: from one
// row to the next they are anyone's guess.
func (p *WindowPanes) Near(shape, a, b, c, d uint64) []byte {
	t := p.open()
	if t.Len() > nearMost {
		return nil
	}
	k := nearKey{shape, a, b, c, d}
	e := p.near.of(p.From, k)
	if e.row == 0 || e.start != p.From || e.key != k {
		*e = nearRow{start: p.From, key: k}
		p.place = e
		return nil
	}
	p.rows++
	p.at = *p.now
	return t.MutValue(e.row)
}
