package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

// Encryption of values is XAES-256-GCM (C2SP): the first 12 bytes of a nonce of 24 derive a
// key of AES-256-GCM by AES-CMAC, the other 12 are its nonce. A commit draws a nonce and
// counts on from it, so that it derives one key, and no nonce is ever used twice: not by an
// epoch that is written again after a crash, and not by a file that was copied or restored.
//
// A sealed value is
//
//	u8 encoding | encSealed, u32 CRC-32C, header, u32 length of the data,
//	4 bytes key id, 24 bytes nonce, encrypted bytes with 16 bytes of tag
//
// Authenticated beside the bytes are where the value stands, its encoding, its header and
// the length: no value passes for another's. The key is derived from the host's for one
// scope, which is a pipeline.
const (
	encSealed    = 0x80
	nonceSize    = 24
	sealedHead   = 4 + len(KeyID{}) + nonceSize
	sealOverhead = sealedHead + 16
	// openMax is how many derived keys are kept for reading.
	openMax = 64
)

var errTag = errors.New("decryption fails: the value was changed, or belongs to another place")

// The kinds of places.
const (
	kindManifest = 'm'
	kindPage     = 'p'
	kindFrame    = 'f'
	kindMark     = 'k'
	kindCounters = 'c'
	kindRecord   = 'r'
)

// place is where a value stands: its kind, the output of a frame or of counters, its key in the bucket.
type place struct {
	kind   byte
	output string
	key    []byte
}

// sealer encrypts and decrypts the values of one scope. A nil one leaves values as they
// are and refuses encrypted ones. Only the writer encrypts; any goroutine decrypts.
type sealer struct {
	keys []scopedKey // the first encrypts

	nonce [nonceSize]byte // 12 bytes that derive a key, 4 that are drawn, u64 count
	fresh cipher.AEAD     // under the nonce's first half; nil before the first value
	aad   []byte

	rooms sync.Pool // of *[]byte, to decrypt into

	mu     sync.Mutex
	opened map[[len(KeyID{}) + 12]byte]cipher.AEAD
}

type scopedKey struct {
	id     KeyID
	block  cipher.Block
	k1     [aes.BlockSize]byte // CMAC's first subkey
	secret []byte
}

// newSealer derives the scope's keys; nil without keys.
func newSealer(k *Keys, scope string) *sealer {
	if k == nil {
		return nil
	}
	s := &sealer{opened: map[[len(KeyID{}) + 12]byte]cipher.AEAD{}, rooms: sync.Pool{New: func() any { return new([]byte) }}}
	for _, one := range k.list {
		s.keys = append(s.keys, newScopedKey(one.id, scopeSecret(one.secret, scope)))
	}
	return s
}

func scopeSecret(secret []byte, scope string) []byte {
	return derive(secret, "edgeflow state 1 "+scope, KeyBytes)
}

func newScopedKey(id KeyID, secret []byte) scopedKey {
	block, err := aes.NewCipher(secret)
	if err != nil {
		panic(err) // the length is right
	}
	k := scopedKey{id: id, block: block, secret: secret}
	block.Encrypt(k.k1[:], k.k1[:])
	var msb byte
	for i := len(k.k1) - 1; i >= 0; i-- {
		msb, k.k1[i] = k.k1[i]>>7, k.k1[i]<<1|msb
	}
	k.k1[len(k.k1)-1] ^= msb * 0x87
	return k
}

// aead derives the cipher under the first half of a nonce.
func (k *scopedKey) aead(half []byte) cipher.AEAD {
	var secret [KeyBytes]byte
	for i := range 2 {
		m := secret[i*aes.BlockSize : (i+1)*aes.BlockSize]
		m[1], m[2] = byte(i+1), 'X'
		copy(m[4:], half)
		for j := range m {
			m[j] ^= k.k1[j]
		}
		k.block.Encrypt(m, m)
	}
	block, err := aes.NewCipher(secret[:])
	if err != nil {
		panic(err) // the length is right
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has GCM's block size
	}
	return a
}

// renew draws a nonce for the values to come.
func (s *sealer) renew() {
	if s == nil {
		return
	}
	clear(s.nonce[16:])
	_, _ = rand.Read(s.nonce[:16]) // it never fails: the runtime ends the process instead
	s.fresh = s.keys[0].aead(s.nonce[:12])
}

// appendAAD appends what is authenticated beside the bytes.
func appendAAD(dst []byte, at place, enc byte, header []byte, n int) []byte {
	dst = append(dst, at.kind, enc)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(at.output)))
	dst = append(dst, at.output...)
	dst = append(dst, byte(len(at.key)))
	dst = append(dst, at.key...)
	return append(dst, header...)
}

// seal encrypts v[body+sealedHead:], the encoded form of n bytes, and puts what belongs
// before it; v ends with the tag.
func (s *sealer) seal(v []byte, body int, at place, enc byte, header []byte, n int) []byte {
	if s.fresh == nil {
		s.renew()
	}
	count := binary.BigEndian.Uint64(s.nonce[16:]) + 1
	binary.BigEndian.PutUint64(s.nonce[16:], count)
	binary.LittleEndian.PutUint32(v[body:], uint32(n))
	copy(v[body+4:], s.keys[0].id[:])
	copy(v[body+4+len(KeyID{}):], s.nonce[:])
	s.aad = appendAAD(s.aad[:0], at, enc, header, n)
	plain := v[body+sealedHead:]
	sealed := s.fresh.Seal(plain[:0], s.nonce[12:], plain, s.aad)
	return v[:body+sealedHead+len(sealed)]
}

// open decrypts what stands behind a value's header into dst and tells the length of the
// data once decoded.
func (s *sealer) open(dst []byte, at place, enc byte, header, b []byte) (plain []byte, n int, err error) {
	if len(b) < sealOverhead {
		return nil, 0, fmt.Errorf("encrypted value of %d bytes", len(b))
	}
	n = int(binary.LittleEndian.Uint32(b))
	var cached [len(KeyID{}) + 12]byte
	copy(cached[:], b[4:])
	aead, err := s.cipher(cached)
	if err != nil {
		return nil, 0, err
	}
	var room [128]byte
	aad := appendAAD(room[:0], at, enc, header, n)
	nonce := b[4+len(KeyID{}) : sealedHead]
	if plain, err = aead.Open(dst[:0], nonce[12:], b[sealedHead:], aad); err != nil {
		return nil, 0, errTag
	}
	return plain, n, nil
}

// cipher returns the cipher for a key id and the first half of a nonce.
func (s *sealer) cipher(at [len(KeyID{}) + 12]byte) (cipher.AEAD, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.opened[at]; a != nil {
		return a, nil
	}
	for i := range s.keys {
		if k := &s.keys[i]; k.id == KeyID(at[:len(KeyID{})]) {
			if len(s.opened) >= openMax {
				clear(s.opened)
			}
			a := k.aead(at[len(KeyID{}):])
			s.opened[at] = a
			return a, nil
		}
	}
	return nil, &KeyError{Problem: fmt.Sprintf("it needs key %s, which is not among those given", KeyID(at[:len(KeyID{})]))}
}
