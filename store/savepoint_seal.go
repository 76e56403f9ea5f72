package store

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// An encrypted savepoint has version 2. Its head holds in the clear
//
//	u32 version, u64 epoch, u64 generation, 4 bytes key id, 24 bytes nonce, scope
//
// and each record after it, the manifest first, is encrypted by a recordSeal.
const savepointSealedHead = 4 + 8 + 8 + len(KeyID{}) + nonceSize

// newSavepointSeal makes the head of a savepoint that the first key encrypts.
func newSavepointSeal(k *Keys, scope string, r *state.Restored) (s *recordSeal, head []byte) {
	one := newSealer(k, scope).keys[0]
	head = binary.LittleEndian.AppendUint32(nil, savepointSealed)
	head = binary.LittleEndian.AppendUint64(head, uint64(r.Epoch))
	head = binary.LittleEndian.AppendUint64(head, r.Generation)
	head = append(head, one.id[:]...)
	var nonce [nonceSize]byte
	_, _ = rand.Read(nonce[:])
	head = append(append(head, nonce[:]...), scope...)
	return one.records(nonce[:], head), head
}

// openSavepointSeal reads the head of an encrypted savepoint. Without its key it tells the
// epoch and the generation, and the error is a *KeyError.
func openSavepointSeal(head []byte, k *Keys) (s *recordSeal, info state.SavepointInfo, err error) {
	if len(head) < savepointSealedHead || len(head) > savepointSealedHead+scopeMax {
		return nil, info, fmt.Errorf("%w: head of %d bytes", ErrSavepoint, len(head))
	}
	info.Epoch = state.Epoch(binary.LittleEndian.Uint64(head[4:]))
	info.Generation = binary.LittleEndian.Uint64(head[12:])
	one, err := k.scoped(KeyID(head[20:]), string(head[savepointSealedHead:]))
	if err != nil {
		return nil, info, err
	}
	return one.records(head[savepointSealedHead-nonceSize:savepointSealedHead], append([]byte(nil), head...)), info, nil
}
