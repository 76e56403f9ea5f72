package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

// resum puts right checksums over a value, so that a fuzzer reaches what is behind them.
func resum(key, v []byte) []byte {
	v = bytes.Clone(v)
	if len(v) >= 5 {
		binary.LittleEndian.PutUint32(v[1:], checksum(key, v[:1], v[5:]))
	}
	return v
}

func fuzzSealers(t testing.TB) []*sealer {
	return []*sealer{nil, newSealer(testKeys(t, "ab"), "p")}
}

// FuzzPage reads arbitrary bytes as a stored page, in the clear and encrypted: it is an
// error or an image that is no larger than a page may be.
func FuzzPage(f *testing.F) {
	key := putPageKey(nil, 3, 9)
	p := place{kind: kindPage, key: key}
	for _, s := range fuzzSealers(f) {
		f.Add(s.pack(nil, p, nil, make([]byte, 4096)))
		f.Add(s.pack(nil, p, nil, []byte("short")))
	}
	f.Add([]byte{})
	f.Add([]byte{encS2, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, v []byte) {
		for _, s := range fuzzSealers(t) {
			for _, v := range [][]byte{v, resum(key, v)} {
				_, img, err := s.unpack(nil, p, v, 0)
				if err == nil && len(img) > max(pageBytesMax, len(v)) {
					t.Fatalf("an image of %d bytes", len(img))
				}
				if err == nil && s != nil && !bytes.Equal(s.pack(nil, p, nil, img)[:1], v[:1]) && len(img) > 0 {
					t.Log("another encoding, which is allowed")
				}
			}
		}
	})
}

// FuzzManifest reads arbitrary bytes as a stored manifest. What it takes for one comes back
// the same when it is stored again.
func FuzzManifest(f *testing.F) {
	for _, s := range fuzzSealers(f) {
		f.Add(s.packManifest(7, 3, state.Roots{Format: 1, PageSize: 4096, PageCount: 12}, []byte("what the engine wants to know")))
		f.Add(s.packManifest(0, 0, state.Roots{}, nil))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, v []byte) {
		_ = manifestEpoch(v)
		for _, s := range fuzzSealers(t) {
			for _, v := range [][]byte{v, resum(manifestKey, v)} {
				r, err := s.unpackManifest(v)
				if err != nil {
					continue
				}
				again, err := s.unpackManifest(s.packManifest(r.Epoch, r.Generation, r.Roots, r.Manifest))
				if err != nil || again.Epoch != r.Epoch || again.Roots != r.Roots || !bytes.Equal(again.Manifest, r.Manifest) {
					t.Fatalf("%+v became %+v, %v", r, again, err)
				}
			}
		}
	})
}

// FuzzFrame reads arbitrary bytes as a stored frame of the outbox, and as an output's
// counters.
func FuzzFrame(f *testing.F) {
	key := []byte{0, 0, 0, 0, 0, 0, 0, 5}
	for _, s := range fuzzSealers(f) {
		f.Add(s.packFrame(nil, key, &state.OutboxFrame{Output: "o", First: 3, Last: 5, Rows: 3, Created: 9, Data: bytes.Repeat([]byte("row"), 50)}))
		f.Add(s.packCounters(&state.OutboxStats{Output: "o", Last: 5, Frames: 1, Rows: 3, Bytes: 150}))
	}
	f.Fuzz(func(t *testing.T, v []byte) {
		_, _, _ = frameHead(v)
		if n, err := frameBytes(v); err == nil && n < 0 {
			t.Fatalf("%d bytes", n)
		}
		for _, s := range fuzzSealers(t) {
			for _, v := range [][]byte{v, resum([]byte("o"), v)} {
				if st, err := s.unpackCounters("o", v); err == nil && s == nil && !bytes.Equal(s.packCounters(&st)[5:], v[5:5+countersSize]) {
					t.Fatal("counters do not come back")
				}
			}
			_, _ = s.unpackFrame(nil, "o", key, v)
			v := resum(key, v)
			fr, err := s.unpackFrame(nil, "o", key, v)
			if err != nil {
				continue
			}
			if n, err := frameBytes(v); err != nil || n != len(fr.Data) {
				t.Fatalf("%d bytes of data, and %d by its head, %v", len(fr.Data), n, err)
			}
		}
	})
}

// FuzzMark reads arbitrary bytes as the mark of an encrypted file.
func FuzzMark(f *testing.F) {
	s := newSealer(testKeys(f, "ab"), "p")
	f.Add(s.signMark("p", nil))
	f.Add(s.signMark("pipeline", []KeyID{{1, 2, 3, 4}}))
	f.Fuzz(func(t *testing.T, v []byte) {
		s := newSealer(testKeys(t, "ab"), "p")
		m, err := parseMark(v)
		if err == nil && s.verify(m) == nil && m.ids[len(m.ids)-1] != s.keys[0].id {
			t.Fatal("another key's mark passes")
		}
	})
}

// FuzzSavepoint reads arbitrary bytes as a savepoint; records get right checksums, so that
// the fuzzer reaches their content. It is an error or a savepoint that can be written again.
func FuzzSavepoint(f *testing.F) {
	keys := testKeys(f, "ab")
	for _, k := range []*Keys{nil, keys} {
		var b bytes.Buffer
		_, err := WriteSavepoint(&b, SavepointSource{
			Restored: &state.Restored{Epoch: 2, Generation: 1, Manifest: []byte("m"), Roots: state.Roots{PageCount: 1}, Outboxes: []state.OutboxStats{{Output: "o", First: 1}}},
			Pages:    func(fn func(state.PageID, []byte) error) error { return fn(0, make([]byte, 4096)) },
			Frames: func(o string, fn func(state.OutboxFrame) error) error {
				return fn(state.OutboxFrame{Output: o, First: 1, Last: 1, Rows: 1, Data: []byte("row")})
			},
			Keys: k, Scope: "p",
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, resumRecords(b)} {
			pages := 0
			info, err := ReadSavepoint(bytes.NewReader(b), SavepointSink{Keys: keys, Page: func(_ state.PageID, img []byte) error {
				pages++
				if len(img) > pageBytesMax {
					return errors.New("a page too large")
				}
				return nil
			}})
			if err == nil && (info.Pages != pages || info.Bytes > int64(len(b))) {
				t.Fatalf("%+v with %d pages in %d bytes", info, pages, len(b))
			}
		}
	})
}

func resumRecords(b []byte) []byte {
	b = bytes.Clone(b)
	at := len(savepointMagic)
	for at+9 <= len(b) {
		n := int(binary.LittleEndian.Uint32(b[at+1:]))
		if n > len(b)-at-9 {
			break
		}
		sum := crc32.Update(checksum(b[at:at+5]), castagnoli, b[at+5:at+5+n])
		binary.LittleEndian.PutUint32(b[at+5+n:], sum)
		at += n + 9
	}
	return b
}
