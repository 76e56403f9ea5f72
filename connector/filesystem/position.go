package filesystem

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
)

// A position: the number of rows read, and for each file of which something was read its
// name, the offset, and what tells it from a file that took its place: the hash of its head
// and its modification time. Files that are gone come first, in the order in which they went.
//
//	1       version
//	uvarint rows, uvarint files, uvarint those of them that are gone, then for each file
//	  uvarint length, name; uvarint offset; uvarint head length; 8 bytes hash (LE);
//	  uvarint modification time in ms since 1970
//
// Version 1 has neither the files that are gone nor modification times.
const positionVersion = 2

// headBytes is how much of a file's beginning is hashed, as far as it was read.
const headBytes = 1024

// progress is how far a file was read.
type progress struct {
	offset   int64
	headLen  int
	headHash uint64
	// readMs is the modification time that the file had when it was known to be the one that
	// was read, in ms since 1970; 0 is unknown.
	readMs int64
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
	dst = binary.LittleEndian.AppendUint64(dst, p.headHash)
	return binary.AppendUvarint(dst, uint64(max(0, p.readMs)))
}

var errPosition = errors.New("the stored position is damaged, or was written by another connector")

// decodePosition reads what Source.Position wrote, of this version or of version 1. The first
// of the files, gone of them, were gone.
func decodePosition(b []byte) (rows uint64, files []*file, gone int, err error) {
	if len(b) == 0 || b[0] == 0 || b[0] > positionVersion {
		return 0, nil, 0, fmt.Errorf("filesystem: %w (versions up to %d are known)", errPosition, positionVersion)
	}
	version := b[0]
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
	n, away := next(), uint64(0)
	if version > 1 {
		away = next()
	}
	for bad = bad || away > n; n > 0 && !bad; n-- {
		size := next()
		if bad || size > uint64(len(b)) {
			bad = true
			break
		}
		f := &file{name: string(b[:size])}
		b = b[size:]
		f.offset, f.headLen = int64(next()), int(next())
		if bad || len(b) < 8 || f.offset < 0 || f.headLen < 0 || f.headLen > headBytes {
			bad = true
			break
		}
		f.headHash = binary.LittleEndian.Uint64(b)
		b = b[8:]
		if version > 1 {
			f.readMs = int64(next())
		}
		files = append(files, f)
	}
	if bad || len(b) != 0 {
		return 0, nil, 0, fmt.Errorf("filesystem: %w", errPosition)
	}
	return rows, files, int(away), nil
}
