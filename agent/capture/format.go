package capture

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/edgeflow/edgeflow/store"
)

const (
	magic       = "EFCAP\x01\r\n"
	magicSealed = "EFCAP\x02\r\n"
	// headerMax and recordMax bound what a length may say.
	headerMax = 1 << 20
	recordMax = 128 << 20
	// frameBytes are length and checksum.
	frameBytes = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDamaged is returned, wrapped, for a file that is no segment or is not as it was
// written.
var ErrDamaged = errors.New("the capture is damaged")

// errTorn is the end of a segment that was being written.
var errTorn = errors.New("torn")

// Header says what a segment holds.
type Header struct {
	Pipeline string    `json:"pipeline"`
	Created  time.Time `json:"created"`
	Sources  []Source  `json:"sources"`
}

// Source is where messages came from.
type Source struct {
	// Table is the pipeline's source table, Stream what it reads, of Server.
	Table  string `json:"table"`
	Stream string `json:"stream"`
	Server string `json:"server,omitempty"`
}

// Record is a message of a source. Its bytes are valid until the next one is read.
type Record struct {
	Source    int
	Seq       uint64
	ArrivalMs int64
	Subject   []byte
	// Header is the raw header block of NATS, empty when there is none.
	Header []byte
	Data   []byte
}

// append appends the record's body.
func (r *Record) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(r.Source))
	dst = binary.AppendUvarint(dst, r.Seq)
	dst = binary.AppendVarint(dst, r.ArrivalMs)
	dst = binary.AppendUvarint(dst, uint64(len(r.Subject)))
	dst = append(dst, r.Subject...)
	dst = binary.AppendUvarint(dst, uint64(len(r.Header)))
	dst = append(dst, r.Header...)
	return append(dst, r.Data...)
}

// appendFrame appends a body in its frame, encrypted if there is a cipher.
func appendFrame(dst, body []byte, cipher *store.Records) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, frameBytes)...)
	if cipher != nil {
		dst = cipher.Seal(dst, body)
	} else {
		dst = append(dst, body...)
	}
	body = dst[at+frameBytes:]
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(body)))
	binary.LittleEndian.PutUint32(dst[at+4:], crc32.Checksum(body, castagnoli))
	return dst
}

// decode reads a record's body.
func (r *Record) decode(b []byte, sources int) error {
	source, n := binary.Uvarint(b)
	if n <= 0 || source >= uint64(sources) {
		return fmt.Errorf("source %d of %d", source, sources)
	}
	b = b[n:]
	r.Source = int(source)
	if r.Seq, n = binary.Uvarint(b); n <= 0 {
		return errors.New("sequence")
	}
	b = b[n:]
	if r.ArrivalMs, n = binary.Varint(b); n <= 0 {
		return errors.New("arrival")
	}
	b = b[n:]
	var ok bool
	if r.Subject, b, ok = field(b); !ok {
		return errors.New("subject")
	}
	if r.Header, b, ok = field(b); !ok {
		return errors.New("header")
	}
	r.Data = b
	return nil
}

// field reads a length and as many bytes.
func field(b []byte) (value, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, nil, false
	}
	return b[n : n+int(size)], b[n+int(size):], true
}

// appendHeader appends what a segment begins with, and returns the cipher of its records, nil
// without keys.
func appendHeader(dst []byte, h *Header, keys *store.Keys) ([]byte, *store.Records, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return dst, nil, err
	}
	if keys == nil {
		return appendFrame(append(dst, magic...), b, nil), nil, nil
	}
	cipher, head, err := keys.SealRecords(store.CaptureFile, h.Pipeline)
	if err != nil {
		return dst, nil, err
	}
	dst = appendFrame(append(dst, magicSealed...), head, nil)
	return appendFrame(dst, b, cipher), cipher, nil
}
