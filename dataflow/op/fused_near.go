package op

import (
	"encoding/binary"
	"math"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

const (
	// nearKey is the length up to which a key is remembered, nearPlaces the number of places
	// for them, nearMost that of a pane's groups from which on looking there is in vain.
	nearKey    = 32
	nearPlaces = 128
	nearMost   = 4 * nearPlaces
)

// near remembers where the rows of groups are, by the start of the pane and the key: a row
// stays where it is while its pane exists, and a pane that was dropped does not come back.
// Each key has one place, which the newest of those that share it takes. Keys are padded with
// zeros and compared as words; none is the beginning of another, since they tell the lengths
// of their parts.
//
// Nothing here branches on the length of a key: from one row to the next it is anyone's guess.
type near [nearPlaces]nearRow

type nearRow struct {
	start int64
	key   [nearKey / 8]uint64
	row   state.Row // 0: none
}

// nearMasks keep the bytes of a key of a length.
var nearMasks = func() (m [nearKey + 1][nearKey / 8]uint64) {
	for n := range m {
		for i := range m[n] {
			if bytes := n - 8*i; bytes >= 8 {
				m[n][i] = math.MaxUint64
			} else if bytes > 0 {
				m[n][i] = 1<<(8*bytes) - 1
			}
		}
	}
	return m
}()

// at is the place of a key of at most nearKey bytes, which has as much room, in the pane
// that starts at start; known tells that it holds the key's row. Otherwise it is the key's
// from now on.
func (n *near) at(start int64, key []byte) (e *nearRow, known bool) {
	m, b := &nearMasks[len(key)], key[:nearKey]
	k0 := binary.LittleEndian.Uint64(b) & m[0]
	k1 := binary.LittleEndian.Uint64(b[8:]) & m[1]
	k2 := binary.LittleEndian.Uint64(b[16:]) & m[2]
	k3 := binary.LittleEndian.Uint64(b[24:]) & m[3]
	// Each word times an odd number of its own: the sum's high bits depend on all.
	h := (k0 + k1*0xf1357aea2e62a9c5 + k2*0xd1342543de82ef95 + k3*0xaf251af3b0f025b5 + uint64(start)) * 0x9e3779b97f4a7c15
	e = &n[h>>57]
	if e.key[0]^k0|e.key[1]^k1|e.key[2]^k2|e.key[3]^k3|uint64(e.start^start) == 0 && e.row != 0 {
		return e, true
	}
	e.start, e.key, e.row = start, [nearKey / 8]uint64{k0, k1, k2, k3}, 0
	return e, false
}
