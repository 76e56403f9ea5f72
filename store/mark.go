package store

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// keySealed is where the mark of an encrypted file stands.
var (
	keySealed = []byte("sealed")
	markPlace = place{kind: kindMark, key: keySealed}
)

// mark says that a file's values are encrypted, for which scope, and with which keys,
// the newest last:
//
//	u8 version, u16 length and scope, u8 count and key ids, 24 bytes nonce, 16 bytes tag
//
// The tag, of no bytes, authenticates what stands before it under the newest key. It stands
// in the file as other values do, with a checksum, so that damage is not taken for another key.
type mark struct {
	scope string
	ids   []KeyID
	// signed is the part before the nonce, and sum the rest.
	signed, sum []byte
}

const (
	markVersion = 1
	markKeysMax = 255
	scopeMax    = 1 << 10
)

func parseMark(v []byte) (m mark, err error) {
	bad := errors.New("it is not whole")
	if len(v) < 4 || v[0] != markVersion {
		return m, bad
	}
	n := int(binary.LittleEndian.Uint16(v[1:]))
	if len(v) < 4+n {
		return m, bad
	}
	m.scope = string(v[3 : 3+n])
	keys := int(v[3+n])
	end := 4 + n + keys*len(KeyID{})
	if keys == 0 || len(v) != end+nonceSize+16 {
		return m, bad
	}
	for at := 4 + n; at < end; at += len(KeyID{}) {
		m.ids = append(m.ids, KeyID(v[at:at+len(KeyID{})]))
	}
	m.signed, m.sum = v[:end], v[end:]
	return m, nil
}

// getMark reads the mark of a file of a version; nil when it is not encrypted.
func getMark(meta *bolt.Bucket, version uint32) (*mark, error) {
	v := meta.Get(keySealed)
	if v == nil {
		return nil, nil
	}
	var err error
	if version >= 3 {
		_, v, err = (*sealer)(nil).unpack(nil, markPlace, v, 0)
	}
	if err == nil {
		var m mark
		if m, err = parseMark(bytes.Clone(v)); err == nil {
			return &m, nil
		}
	}
	return nil, &damage{fmt.Errorf("the mark of an encrypted file: %w", err)}
}

// putMark stores what signMark made.
func putMark(meta *bolt.Bucket, mark []byte) error {
	return meta.Put(keySealed, (*sealer)(nil).pack(nil, markPlace, nil, mark))
}

// signMark makes the mark of a file that the sealer's first key writes from now on; earlier
// are the keys of its values so far.
func (s *sealer) signMark(scope string, earlier []KeyID) []byte {
	ids := slices.DeleteFunc(slices.Clone(earlier), func(id KeyID) bool { return id == s.keys[0].id })
	ids = append(ids, s.keys[0].id)
	ids = ids[max(0, len(ids)-markKeysMax):]
	v := binary.LittleEndian.AppendUint16([]byte{markVersion}, uint16(len(scope)))
	v = append(append(v, scope...), byte(len(ids)))
	for _, id := range ids {
		v = append(v, id[:]...)
	}
	var nonce [nonceSize]byte
	_, _ = rand.Read(nonce[:])
	aad := appendAAD(nil, place{kind: kindMark}, 0, v, 0)
	return s.keys[0].aead(nonce[:12]).Seal(append(v, nonce[:]...), nonce[12:], nil, aad)
}

// verify tells whether the sealer's keys are those of the mark.
func (s *sealer) verify(m mark) error {
	var missing []KeyID
	for _, id := range m.ids {
		if !slices.ContainsFunc(s.keys, func(k scopedKey) bool { return k.id == id }) {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return &KeyError{Problem: fmt.Sprintf("it is encrypted with key %s, which is not among those given: %s", keyNames(missing), s.names())}
	}
	newest := m.ids[len(m.ids)-1]
	at := slices.IndexFunc(s.keys, func(k scopedKey) bool { return k.id == newest })
	aad := appendAAD(nil, place{kind: kindMark}, 0, m.signed, 0)
	if _, err := s.keys[at].aead(m.sum[:12]).Open(nil, m.sum[12:nonceSize], m.sum[nonceSize:], aad); err != nil {
		return &KeyError{Problem: fmt.Sprintf("its mark does not belong to key %s: the file was changed", newest)}
	}
	return nil
}

func (s *sealer) names() string {
	var ids []KeyID
	for i := range s.keys {
		ids = append(ids, s.keys[i].id)
	}
	return keyNames(ids)
}

// readSealed compares a file's mark with the keys given and sets the store's sealer.
func (s *Store) readSealed(m *mark) error {
	refuse := func(format string, args ...any) error {
		return &KeyError{Path: s.path, Problem: fmt.Sprintf(format, args...)}
	}
	if m == nil {
		if s.opt.Keys != nil {
			return refuse("it is not encrypted, and a key is given; `edgeflow state %s --rekey` with the key encrypts it", s.path)
		}
		return nil
	}
	switch {
	case s.opt.Keys == nil:
		return refuse("it is encrypted with key %s, and no key is given: give it with --state-key", m.ids[len(m.ids)-1])
	case s.opt.Scope != "" && s.opt.Scope != m.scope:
		return refuse("it is the encrypted state of %q, not of %q", m.scope, s.opt.Scope)
	}
	s.opt.Scope = m.scope
	s.seal = newSealer(s.opt.Keys, m.scope)
	if err := s.seal.verify(*m); err != nil {
		var k *KeyError
		if errors.As(err, &k) {
			k.Path = s.path
		}
		return err
	}
	return nil
}

// renewMark changes the mark when the key that encrypts is a new one.
func (s *Store) renewMark(m *mark) error {
	if m == nil || m.ids[len(m.ids)-1] == s.seal.keys[0].id {
		return nil
	}
	err := s.renew()
	if err == nil {
		err = s.db.Update(func(tx *bolt.Tx) error {
			return putMark(tx.Bucket(bucketMeta), s.seal.signMark(m.scope, m.ids))
		})
	}
	if err == nil {
		s.opt.Logger.Info("what is written from now on is encrypted with another key", "path", s.path, "key", s.seal.keys[0].id.String())
	}
	return err
}

// Sealed tells the ids of the keys that the file's values are encrypted with, the one in
// use last; none for a file that is not encrypted.
func (s *Store) Sealed() (ids []KeyID, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		m, err := getMark(tx.Bucket(bucketMeta), formatVersion)
		if m != nil {
			ids = m.ids
		}
		return err
	})
	return ids, err
}
