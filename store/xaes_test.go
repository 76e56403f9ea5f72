package store

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// TestXAES checks the derivation of keys against the vectors of C2SP's XAES-256-GCM, one
// for each value of the top bit that CMAC's subkey depends on.
func TestXAES(t *testing.T) {
	for _, c := range []struct {
		key       byte
		aad, want string
	}{
		{1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		k := newScopedKey(KeyID{}, bytes.Repeat([]byte{c.key}, KeyBytes))
		nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
		if got := hex.EncodeToString(k.aead(nonce[:12]).Seal(nil, nonce[12:], []byte("XAES-256-GCM"), []byte(c.aad))); got != c.want {
			t.Errorf("key %d: %s instead of %s", c.key, got, c.want)
		}
	}
}

func testKeys(t testing.TB, digits ...string) *Keys {
	t.Helper()
	text := ""
	for _, d := range digits {
		for len(d) < 64 {
			d += d
		}
		text += d[:64] + "\n"
	}
	k, err := ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestNoncesDiffer seals equal values at equal places: by one sealer, and by another of the
// same key, as after a crash.
func TestNoncesDiffer(t *testing.T) {
	k := testKeys(t, "ab")
	seen := map[string]bool{}
	for range 3 {
		s := newSealer(k, "p")
		for range 100 {
			v := s.pack(nil, place{kind: kindPage, key: putPageKey(nil, 1, 7)}, nil, make([]byte, 4096))
			nonce := string(v[5+4+len(KeyID{}) : 5+sealedHead])
			if seen[nonce] {
				t.Fatal("a nonce is used twice")
			}
			seen[nonce] = true
		}
	}
}

// TestPlacesAreBound opens values where they do not belong.
func TestPlacesAreBound(t *testing.T) {
	s := newSealer(testKeys(t, "ab"), "p")
	data := bytes.Repeat([]byte("row "), 300)
	key := putPageKey(nil, 1, 7)
	fix := func(v []byte, key []byte) []byte { // a forger can make checksums
		v = bytes.Clone(v)
		sum := checksum(key, v[:1], v[5:])
		v[1], v[2], v[3], v[4] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
		return v
	}
	page := s.pack(nil, place{kind: kindPage, key: key}, nil, data)
	if _, got, err := s.unpack(nil, place{kind: kindPage, key: key}, page, 0); err != nil || !bytes.Equal(got, data) {
		t.Fatal(err)
	}
	for name, k := range map[string][]byte{"another page": putPageKey(nil, 2, 7), "another epoch": putPageKey(nil, 1, 8)} {
		if _, _, err := s.unpack(nil, place{kind: kindPage, key: k}, fix(page, k), 0); err != errTag {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := newSealer(testKeys(t, "ab"), "q").unpack(nil, place{kind: kindPage, key: key}, page, 0); err != errTag {
		t.Errorf("another scope: %v", err)
	}
	if _, _, err := newSealer(testKeys(t, "cd"), "p").unpack(nil, place{kind: kindPage, key: key}, page, 0); err == nil {
		t.Error("another key opens it")
	}
	f := state.OutboxFrame{Output: "a", First: 3, Last: 5, Rows: 3, Created: 9, Data: data}
	fk := []byte{0, 0, 0, 0, 0, 0, 0, 5}
	frame := s.packFrame(nil, fk, &f)
	if got, err := s.unpackFrame(nil, "a", fk, frame); err != nil || !bytes.Equal(got.Data, data) || got.First != 3 {
		t.Fatal(err)
	}
	if n, err := frameBytes(frame); err != nil || n != len(data) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := s.unpackFrame(nil, "b", fk, frame); err == nil {
		t.Error("a frame passes for another output's")
	}
	rows := bytes.Clone(frame)
	rows[5+8]++ // the header: its rows
	if _, err := s.unpackFrame(nil, "a", fk, fix(rows, fk)); err == nil {
		t.Error("a frame's count of rows can be changed")
	}
	for i := range page {
		bad := bytes.Clone(page)
		bad[i] ^= 1
		if _, _, err := s.unpack(nil, place{kind: kindPage, key: key}, fix(bad, key), 0); err == nil && i > 4 {
			t.Errorf("byte %d can be changed", i)
		}
	}
	plain := (*sealer)(nil).pack(nil, place{kind: kindPage, key: key}, nil, data)
	if _, _, err := s.unpack(nil, place{kind: kindPage, key: key}, plain, 0); err == nil {
		t.Error("a value in the clear passes")
	}
	if _, _, err := (*sealer)(nil).unpack(nil, place{kind: kindPage, key: key}, page, 0); err == nil {
		t.Error("an encrypted value passes where nothing is")
	}
}

// BenchmarkSeal packs and unpacks 4 KiB images that compress to about a third, in the clear
// and encrypted.
func BenchmarkSeal(b *testing.B) {
	img := make([]byte, 4096)
	for i := 0; i < len(img); i += 12 {
		img[i], img[i+1], img[min(i+2, len(img)-1)] = byte(i), byte(i>>3), byte(i*i>>5)
	}
	key := putPageKey(nil, 1, 7)
	for name, s := range map[string]*sealer{"plain": nil, "sealed": newSealer(testKeys(b, "ab"), "p")} {
		var v []byte
		b.Run("pack/"+name, func(b *testing.B) {
			b.SetBytes(int64(len(img)))
			for range b.N {
				v = s.pack(v[:0], place{kind: kindPage, key: key}, nil, img)
			}
		})
		b.Run("unpack/"+name, func(b *testing.B) {
			b.SetBytes(int64(len(img)))
			v = s.pack(v[:0], place{kind: kindPage, key: key}, nil, img)
			var dst []byte
			for range b.N {
				_, got, err := s.unpack(dst, place{kind: kindPage, key: key}, v, 0)
				if err != nil {
					b.Fatal(err)
				}
				dst = got
			}
		})
	}
}
