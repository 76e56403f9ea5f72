package state

import "encoding/binary"

// Scalars is a small fixed block of bytes: watermarks, counters, flags. It is
// zero when made.
//
// Root page: 8 u32 size, 16 bytes.
type Scalars struct {
	a    *Arena
	root PageID
	size int
}

const scalarsData = 16

func createScalars(a *Arena, size int) *Scalars {
	p := a.alloc(kindScalars)
	binary.LittleEndian.PutUint32(a.Write(makeRef(p, 8), 4), uint32(size))
	return openScalars(a, p)
}

func openScalars(a *Arena, root PageID) *Scalars {
	return &Scalars{a: a, root: root, size: int(binary.LittleEndian.Uint32(a.Read(makeRef(root, 8), 4)))}
}

// Read returns the bytes, for reading.
func (s *Scalars) Read() []byte { return s.a.Read(makeRef(s.root, scalarsData), s.size) }

// Write returns the bytes, for writing.
func (s *Scalars) Write() []byte { return s.a.Write(makeRef(s.root, scalarsData), s.size) }

// Int64 returns the number at byte offset off.
func (s *Scalars) Int64(off int) int64 { return int64(binary.LittleEndian.Uint64(s.Read()[off:])) }

// SetInt64 stores a number at byte offset off. Storing what is there already
// leaves the page clean.
func (s *Scalars) SetInt64(off int, v int64) {
	if s.Int64(off) != v {
		binary.LittleEndian.PutUint64(s.Write()[off:], uint64(v))
	}
}

func (s *Scalars) each(fn func(PageID)) { fn(s.root) }
