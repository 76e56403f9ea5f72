package store

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// An encrypted savepoint has version 2. Its head holds in the clear
//
//	u32 version, u64 epoch, u64 generation, 4 bytes key id, 24 bytes nonce, scope
//
// and each record after it, the manifest first, is encrypted: the nonce's first half
// derives the key, the second, with the record's ordinal in it, is the record's. The head,
// the record's type and its ordinal are authenticated, so that records keep their order and
// belong to this savepoint alone.
type savepointSeal struct {
	aead  cipher.AEAD
	nonce [12]byte
	aad   []byte // kind, ordinal and head
}

const savepointSealedHead = 4 + 8 + 8 + len(KeyID{}) + nonceSize

// newSavepointSeal makes the head of a savepoint that the first key encrypts.
func newSavepointSeal(k *Keys, scope string, r *state.Restored) (s *savepointSeal, head []byte) {
	one := newSealer(k, scope).keys[0]
	head = binary.LittleEndian.AppendUint32(nil, savepointSealed)
	head = binary.LittleEndian.AppendUint64(head, uint64(r.Epoch))
	head = binary.LittleEndian.AppendUint64(head, r.Generation)
	head = append(head, one.id[:]...)
	var nonce [nonceSize]byte
	_, _ = rand.Read(nonce[:])
	head = append(append(head, nonce[:]...), scope...)
	return one.savepoint(head), head
}

// savepoint makes the cipher of the savepoint with a head.
func (k *scopedKey) savepoint(head []byte) *savepointSeal {
	nonce := head[savepointSealedHead-nonceSize : savepointSealedHead]
	s := &savepointSeal{aead: k.aead(nonce[:12])}
	copy(s.nonce[:], nonce[12:])
	s.aad = append([]byte{kindRecord, 0}, make([]byte, 8)...)
	s.aad = append(s.aad, head...)
	return s
}

// next moves on to the record of an ordinal, counted from 1.
func (s *savepointSeal) next(kind byte, ordinal uint64) (nonce []byte) {
	s.aad[1] = kind
	binary.LittleEndian.PutUint64(s.aad[2:], ordinal)
	binary.LittleEndian.PutUint64(s.nonce[4:], ordinal)
	return s.nonce[:]
}

func (s *savepointSeal) seal(dst []byte, kind byte, ordinal uint64, plain []byte) []byte {
	return s.aead.Seal(dst, s.next(kind, ordinal), plain, s.aad)
}

func (s *savepointSeal) open(dst []byte, kind byte, ordinal uint64, sealed []byte) ([]byte, error) {
	plain, err := s.aead.Open(dst, s.next(kind, ordinal), sealed, s.aad)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSavepoint, errTag)
	}
	return plain, nil
}

// openSavepointSeal reads the head of an encrypted savepoint. Without keys it tells the
// epoch and the generation, and no cipher.
func openSavepointSeal(head []byte, k *Keys) (s *savepointSeal, info state.SavepointInfo, scope string, err error) {
	if len(head) < savepointSealedHead || len(head) > savepointSealedHead+scopeMax {
		return nil, info, "", fmt.Errorf("%w: head of %d bytes", ErrSavepoint, len(head))
	}
	info.Epoch = state.Epoch(binary.LittleEndian.Uint64(head[4:]))
	info.Generation = binary.LittleEndian.Uint64(head[12:])
	id := KeyID(head[20:])
	scope = string(head[savepointSealedHead:])
	if k == nil {
		return nil, info, scope, nil
	}
	keys := newSealer(k, scope).keys
	for i := range keys {
		if keys[i].id == id {
			return keys[i].savepoint(append([]byte(nil), head...)), info, scope, nil
		}
	}
	return nil, info, scope, &KeyError{Problem: fmt.Sprintf("the savepoint is encrypted with key %s, which is not among those given: %s", id, keyNames(k.IDs()))}
}
