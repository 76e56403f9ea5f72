package filesystem

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
)

// A position, version 1: the number of rows read, and for each file of which something
// was read its name, the offset, and the hash of its head, so that a file that took
// another's place is noticed.
//
//	1       version
//	uvarint rows, uvarint files, then for each file
//	  uvarint length, name; uvarint offset; uvarint head length; 8 bytes hash (LE)
const positionVersion = 1

// headBytes is how much of a file's beginning is hashed, as far as it was read.
const headBytes = 1024

// progress is how far a file was read.
type progress struct {
	offset   int64
	headLen  int
	headHash uint64
}

func hashHead(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

func appendProgress(dst []byte, name string, p progress) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(name)))
	dst = append(dst, name...)
	dst = binary.AppendUvarint(dst, uint64(p.offset))
	dst = binary.AppendUvarint(dst, uint64(p.headLen))
	return binary.LittleEndian.AppendUint64(dst, p.headHash)
}

var errPosition = errors.New("the stored position is damaged, or was written by another connector")

// decodePosition reads what Source.Position wrote.
func decodePosition(b []byte) (rows uint64, files map[string]progress, err error) {
	if len(b) == 0 || b[0] != positionVersion {
		return 0, nil, fmt.Errorf("filesystem: %w (version %d is known)", errPosition, positionVersion)
	}
	b = b[1:]
	bad := false
	next := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			bad = true
			return 0
		}
		b = b[n:]
		return v
	}
	rows = next()
	files = map[string]progress{}
	for n := next(); n > 0 && !bad; n-- {
		size := next()
		if bad || size > uint64(len(b)) {
			bad = true
			break
		}
		name := string(b[:size])
		b = b[size:]
		p := progress{offset: int64(next()), headLen: int(next())}
		if bad || len(b) < 8 || p.offset < 0 || p.headLen < 0 || p.headLen > headBytes {
			bad = true
			break
		}
		p.headHash = binary.LittleEndian.Uint64(b)
		b = b[8:]
		files[name] = p
	}
	if bad || len(b) != 0 {
		return 0, nil, fmt.Errorf("filesystem: %w", errPosition)
	}
	return rows, files, nil
}
