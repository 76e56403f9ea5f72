package store

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
)

// recordSeal encrypts the records of one file, or decrypts them. The first half of the file's
// nonce derives the key, the second, with the record's ordinal in it, is the record's. The
// file's head, the record's kind and its ordinal are authenticated, so that records keep their
// order and belong to this file alone.
type recordSeal struct {
	aead  cipher.AEAD
	nonce [12]byte
	aad   []byte // kindRecord, kind, ordinal and head
}

// records makes the cipher of the file with a head, in which its nonce is.
func (k *scopedKey) records(nonce, head []byte) *recordSeal {
	s := &recordSeal{aead: k.aead(nonce[:12])}
	copy(s.nonce[:], nonce[12:])
	s.aad = append([]byte{kindRecord, 0}, make([]byte, 8)...)
	s.aad = append(s.aad, head...)
	return s
}

// next moves on to the record of an ordinal, counted from 1.
func (s *recordSeal) next(kind byte, ordinal uint64) (nonce []byte) {
	s.aad[1] = kind
	binary.LittleEndian.PutUint64(s.aad[2:], ordinal)
	binary.LittleEndian.PutUint64(s.nonce[4:], ordinal)
	return s.nonce[:]
}

func (s *recordSeal) seal(dst []byte, kind byte, ordinal uint64, plain []byte) []byte {
	return s.aead.Seal(dst, s.next(kind, ordinal), plain, s.aad)
}

func (s *recordSeal) open(dst []byte, kind byte, ordinal uint64, sealed []byte) ([]byte, error) {
	plain, err := s.aead.Open(dst, s.next(kind, ordinal), sealed, s.aad)
	if err != nil {
		return nil, errTag
	}
	return plain, nil
}

// scoped derives the key of an id for a scope.
func (k *Keys) scoped(id KeyID, scope string) (*scopedKey, error) {
	if k == nil {
		return nil, &KeyError{Problem: fmt.Sprintf("it is encrypted with key %s, and no key is given: give it with --state-key", id)}
	}
	for i := range k.list {
		if k.list[i].id == id {
			one := newScopedKey(id, scopeSecret(k.list[i].secret, scope))
			return &one, nil
		}
	}
	return nil, &KeyError{Problem: fmt.Sprintf("it is encrypted with key %s, which is not among those given: %s", id, keyNames(k.IDs()))}
}

// FileKind is what a file of records holds: no record of one kind passes for one of another.
type FileKind byte

// The kinds of files beside the state that keys encrypt. Those of savepoints' records are
// lower.
const (
	LetterFile  FileKind = 'L'
	CaptureFile FileKind = 'C'
)

// RecordOverhead is by how many bytes a sealed record is longer.
const RecordOverhead = 16

// ErrRecord is returned, wrapped, for a file or a record that is not as it was sealed.
var ErrRecord = errors.New("the encrypted file is damaged")

// Records encrypts the records of a file, one after the other, or decrypts them in the same
// order. It is used by one goroutine.
type Records struct {
	seal    *recordSeal
	kind    FileKind
	ordinal uint64
}

// recordsHead: u8 version, 4 bytes key id, 24 bytes nonce, then the scope.
const (
	recordsVersion = 1
	recordsHead    = 1 + len(KeyID{}) + nonceSize
)

// SealRecords begins a file that the first key encrypts, for a scope, which is a pipeline. The
// head belongs into the file, in the clear; it tells the scope and the key's id.
func (k *Keys) SealRecords(kind FileKind, scope string) (r *Records, head []byte, err error) {
	if len(scope) > scopeMax {
		return nil, nil, fmt.Errorf("store: a scope has at most %d bytes", scopeMax)
	}
	one, err := k.scoped(k.list[0].id, scope)
	if err != nil {
		return nil, nil, err
	}
	head = append([]byte{recordsVersion}, one.id[:]...)
	var nonce [nonceSize]byte
	_, _ = rand.Read(nonce[:])
	head = append(append(head, nonce[:]...), scope...)
	return &Records{one.records(nonce[:], head), kind, 0}, head, nil
}

// OpenRecords reads a file with a head. The error is a *KeyError when its key is not there.
func (k *Keys) OpenRecords(kind FileKind, head []byte) (*Records, error) {
	if len(head) < recordsHead || len(head) > recordsHead+scopeMax {
		return nil, fmt.Errorf("%w: head of %d bytes", ErrRecord, len(head))
	}
	if v := head[0]; v != recordsVersion {
		return nil, fmt.Errorf("it has version %d and this program reads up to %d; use the newer edgeflow that wrote it", v, recordsVersion)
	}
	one, err := k.scoped(KeyID(head[1:]), string(head[recordsHead:]))
	if err != nil {
		return nil, err
	}
	return &Records{one.records(head[recordsHead-nonceSize:recordsHead], append([]byte(nil), head...)), kind, 0}, nil
}

// Seal appends the next record, encrypted, to dst.
func (r *Records) Seal(dst, plain []byte) []byte {
	r.ordinal++
	return r.seal.seal(dst, byte(r.kind), r.ordinal, plain)
}

// Open appends the next record, decrypted, to dst.
func (r *Records) Open(dst, sealed []byte) ([]byte, error) {
	r.ordinal++
	plain, err := r.seal.open(dst, byte(r.kind), r.ordinal, sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return plain, nil
}
