package store

import (
	"bufio"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// KeyBytes is the length of a key in bytes.
const KeyBytes = 32

// KeyID names a key. It is derived from the key by HKDF and tells nothing about it.
type KeyID [4]byte

// String is the id as 8 hexadecimal digits.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// Keys are the keys of encrypted state. The first encrypts, all of them decrypt, so that a
// key is changed by putting a new one before it.
type Keys struct {
	list []key
}

type key struct {
	id     KeyID
	secret []byte
}

// ParseKeys reads keys of 32 bytes, one a line, as 64 hexadecimal digits or in base64.
// Empty lines and lines that begin with # are left out. No error repeats what was read.
func ParseKeys(text string) (*Keys, error) {
	k := &Keys{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		secret, err := hex.DecodeString(line)
		if err != nil {
			secret, err = base64.StdEncoding.DecodeString(line)
		}
		if err != nil || len(secret) != KeyBytes {
			return nil, fmt.Errorf("state key, line %d: a key is %d bytes as hexadecimal digits or base64, such as `openssl rand -hex %d` prints", n, KeyBytes, KeyBytes)
		}
		id := KeyID(derive(secret, "edgeflow key id", len(KeyID{})))
		if slices.ContainsFunc(k.list, func(o key) bool { return o.id == id }) {
			return nil, fmt.Errorf("state key, line %d: the key is there already", n)
		}
		k.list = append(k.list, key{id, secret})
	}
	if len(k.list) == 0 {
		return nil, errors.New("state key: there is none; write one a line, such as `openssl rand -hex 32` prints")
	}
	return k, nil
}

// IDs names the keys; the first is the one that encrypts.
func (k *Keys) IDs() []KeyID {
	if k == nil {
		return nil
	}
	out := make([]KeyID, len(k.list))
	for i := range k.list {
		out[i] = k.list[i].id
	}
	return out
}

// Derive makes a secret of n bytes for another purpose out of the key that encrypts, and
// out of each that only decrypts.
func (k *Keys) Derive(purpose string, n int) (current []byte, old [][]byte) {
	for i := range k.list {
		d := derive(k.list[i].secret, "edgeflow "+purpose, n)
		if i == 0 {
			current = d
		} else {
			old = append(old, d)
		}
	}
	return current, old
}

// derive is HKDF-SHA256 without salt: keys are uniform already.
func derive(secret []byte, info string, n int) []byte {
	out, err := hkdf.Key(sha256.New, secret, nil, info, n)
	if err != nil {
		panic(err) // n is far below the limit of 255 hashes
	}
	return out
}

// KeyError is returned, wrapped, when keys and state do not belong together. The file is
// left as it is.
type KeyError struct {
	Path    string
	Problem string
}

func (e *KeyError) Error() string {
	if e.Path == "" {
		return e.Problem
	}
	return e.Path + ": " + e.Problem
}

func keyNames(ids []KeyID) string {
	var names []string
	for _, id := range ids {
		names = append(names, id.String())
	}
	return strings.Join(names, ", ")
}
