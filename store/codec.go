package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/s2"

	"github.com/edgeflow/edgeflow/dataflow/state"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errChecksum = errors.New("checksum does not match")

// checksum covers the key as well, so that a value under another key is found.
func checksum(key []byte, parts ...[]byte) uint32 {
	c := crc32.Update(0, castagnoli, key)
	for _, p := range parts {
		c = crc32.Update(c, castagnoli, p)
	}
	return c
}

const pageKeySize = 12

func putPageKey(dst []byte, p state.PageID, e state.Epoch) []byte {
	dst = binary.BigEndian.AppendUint32(dst[:0], uint32(p))
	return binary.BigEndian.AppendUint64(dst, uint64(e))
}

func parsePageKey(k []byte) (state.PageID, state.Epoch, error) {
	if len(k) != pageKeySize {
		return 0, 0, fmt.Errorf("page key of %d bytes", len(k))
	}
	return state.PageID(binary.BigEndian.Uint32(k)), state.Epoch(binary.BigEndian.Uint64(k[4:])), nil
}

// Encodings of stored bytes.
const (
	encPlain = 0
	encS2    = 1
)

// pack appends the stored form of data at a place to dst: encoding, CRC-32C,
// header, bytes.
func (s *sealer) pack(dst []byte, p place, header, data []byte) []byte {
	at := len(dst)
	dst = append(dst, encS2, 0, 0, 0, 0)
	dst = append(dst, header...)
	body, lead, tail := len(dst), 0, 0
	if s != nil {
		lead, tail = sealedHead, sealOverhead-sealedHead
	}
	need := lead + s2.MaxEncodedLen(len(data)) + tail
	if cap(dst)-body < need {
		grown := make([]byte, body, body+need)
		copy(grown, dst)
		dst = grown
	}
	enc := s2.Encode(dst[body+lead:body+need-tail], data)
	if len(enc) < len(data) {
		dst = dst[:body+lead+len(enc)]
	} else {
		dst[at] = encPlain
		dst = append(dst[:body+lead], data...)
	}
	if s != nil {
		dst[at] |= encSealed
		dst = s.seal(dst, body, p, dst[at], header, len(data))
	}
	binary.LittleEndian.PutUint32(dst[at+1:], checksum(p.key, dst[at:at+1], dst[at+5:]))
	return dst
}

// packMax is the most that pack appends.
func packMax(header, data int) int {
	return 5 + header + sealOverhead + max(s2.MaxEncodedLen(data), data)
}

// pageBytesMax is the most that a page's image may have.
const pageBytesMax = 1 << 20

// unpackMax is the most that a value may hold.
func (p place) unpackMax() int {
	if p.kind == kindPage {
		return pageBytesMax
	}
	return recordMax
}

// unpack verifies what pack made and returns the header and the data, in dst if
// it has room. The data may lie in v.
func (s *sealer) unpack(dst []byte, p place, v []byte, header int) (h, data []byte, err error) {
	if len(v) < 5+header {
		return nil, nil, fmt.Errorf("value of %d bytes is too short", len(v))
	}
	if binary.LittleEndian.Uint32(v[1:]) != checksum(p.key, v[:1], v[5:]) {
		return nil, nil, errChecksum
	}
	h, body := v[5:5+header], v[5+header:]
	if v[0]&encSealed != 0 != (s != nil) {
		return nil, nil, errors.New("it is encrypted and the file is not, or the other way round")
	}
	if s != nil {
		var n int
		room := new([]byte)
		if v[0] == encS2|encSealed { // what is decrypted does not outlive this call
			room = s.rooms.Get().(*[]byte)
			defer s.rooms.Put(room)
		}
		if body, n, err = s.open(*room, p, v[0], h, body); err != nil {
			return nil, nil, err
		}
		*room = body
		if v[0] == encPlain|encSealed && n != len(body) {
			return nil, nil, fmt.Errorf("%d bytes instead of %d", len(body), n)
		}
	}
	switch v[0] &^ encSealed {
	case encPlain:
		return h, body, nil
	case encS2:
		if n, err := s2.DecodedLen(body); err != nil || n > p.unpackMax() {
			return nil, nil, errors.New("compressed bytes of a wrong length")
		}
		data, err = s2.Decode(dst[:cap(dst)], body)
		return h, data, err
	}
	return nil, nil, fmt.Errorf("unknown encoding %d", v[0])
}

// manifestHeader: u64 epoch, u64 generation, u32 page format, u32 page size, u32
// page count.
const manifestHeader = 28

var manifestKey = []byte("manifest")

func (s *sealer) packManifest(e state.Epoch, generation uint64, r state.Roots, manifest []byte) []byte {
	h := binary.LittleEndian.AppendUint64(nil, uint64(e))
	h = binary.LittleEndian.AppendUint64(h, generation)
	h = binary.LittleEndian.AppendUint32(h, r.Format)
	h = binary.LittleEndian.AppendUint32(h, r.PageSize)
	h = binary.LittleEndian.AppendUint32(h, r.PageCount)
	return s.pack(nil, place{kind: kindManifest, key: manifestKey}, h, manifest)
}

func (s *sealer) unpackManifest(v []byte) (*state.Restored, error) {
	h, data, err := s.unpack(nil, place{kind: kindManifest, key: manifestKey}, v, manifestHeader)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	r := &state.Restored{
		Epoch:      state.Epoch(binary.LittleEndian.Uint64(h)),
		Generation: binary.LittleEndian.Uint64(h[8:]),
		Roots: state.Roots{
			Format:    binary.LittleEndian.Uint32(h[16:]),
			PageSize:  binary.LittleEndian.Uint32(h[20:]),
			PageCount: binary.LittleEndian.Uint32(h[24:]),
		},
	}
	if r.Epoch > 0 { // before the first commit there is none
		r.Manifest = append([]byte{}, data...)
	}
	return r, nil
}

// manifestEpoch reads the epoch alone; Load has verified the manifest.
func manifestEpoch(v []byte) state.Epoch {
	if len(v) < 5+8 {
		return 0
	}
	return state.Epoch(binary.LittleEndian.Uint64(v[5:]))
}

// frameHeader: u64 first sequence, u32 rows, i64 created.
const frameHeader = 20

func (s *sealer) packFrame(dst, key []byte, f *state.OutboxFrame) []byte {
	var h [frameHeader]byte
	binary.LittleEndian.PutUint64(h[:], f.First)
	binary.LittleEndian.PutUint32(h[8:], uint32(f.Rows))
	binary.LittleEndian.PutUint64(h[12:], uint64(f.Created))
	return s.pack(dst, place{kindFrame, f.Output, key}, h[:], f.Data)
}

func (s *sealer) unpackFrame(dst []byte, output string, k, v []byte) (state.OutboxFrame, error) {
	if len(k) != 8 {
		return state.OutboxFrame{}, fmt.Errorf("outbox %q: key of %d bytes", output, len(k))
	}
	h, data, err := s.unpack(dst, place{kindFrame, output, k}, v, frameHeader)
	if err != nil {
		return state.OutboxFrame{}, fmt.Errorf("outbox %q, frame that ends at %d: %w", output, binary.BigEndian.Uint64(k), err)
	}
	return state.OutboxFrame{
		Output:  output,
		First:   binary.LittleEndian.Uint64(h),
		Last:    binary.BigEndian.Uint64(k),
		Rows:    int(binary.LittleEndian.Uint32(h[8:])),
		Created: int64(binary.LittleEndian.Uint64(h[12:])),
		Data:    data,
	}, nil
}

// frameHead reads the header of a frame without its data.
func frameHead(v []byte) (first uint64, rows int, created int64) {
	if len(v) < 5+frameHeader {
		return 0, 0, 0
	}
	return binary.LittleEndian.Uint64(v[5:]), int(binary.LittleEndian.Uint32(v[13:])), int64(binary.LittleEndian.Uint64(v[17:]))
}

// counters of an output: u64 last sequence, u64 frames, u64 rows, u64 bytes. They are a
// header without data: never encrypted, and authenticated in an encrypted file.
const countersSize = 32

func countersOf(output string) place {
	return place{kind: kindCounters, output: output, key: []byte(output)}
}

func (s *sealer) packCounters(st *state.OutboxStats) []byte {
	h := binary.LittleEndian.AppendUint64(nil, st.Last)
	h = binary.LittleEndian.AppendUint64(h, uint64(st.Frames))
	h = binary.LittleEndian.AppendUint64(h, uint64(st.Rows))
	h = binary.LittleEndian.AppendUint64(h, uint64(st.Bytes))
	return s.pack(nil, countersOf(st.Output), h, nil)
}

func (s *sealer) unpackCounters(output string, v []byte) (state.OutboxStats, error) {
	h, _, err := s.unpack(nil, countersOf(output), v, countersSize)
	if err != nil {
		return state.OutboxStats{}, fmt.Errorf("outbox %q: counters: %w", output, err)
	}
	return parseCounters(output, h), nil
}

func parseCounters(output string, h []byte) state.OutboxStats {
	last := binary.LittleEndian.Uint64(h)
	return state.OutboxStats{
		Output: output,
		First:  last + 1,
		Last:   last,
		Frames: int(binary.LittleEndian.Uint64(h[8:])),
		Rows:   int64(binary.LittleEndian.Uint64(h[16:])),
		Bytes:  int64(binary.LittleEndian.Uint64(h[24:])),
	}
}
