package capture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/store"
)

// suffix is that of a segment in a folder.
const suffix = ".seg"

// Reader reads a capture from its oldest record to its newest.
type Reader struct {
	// Header is that of the first segment; the others hold the same sources.
	Header Header
	// Sealed tells that the first segment is encrypted.
	Sealed bool
	// Torn counts the segments whose end is cut off.
	Torn int

	keys     *store.Keys
	segments []string
	at       int // of segments, the one after the one in hand
	seg      *segment
}

// errEmpty is returned, wrapped, for a capture whose segments have no header yet.
var errEmpty = errors.New("no segment was finished")

// Open opens a capture: a folder of segments, or one file. keys decrypt it; without the key of
// an encrypted one the error is a *store.KeyError.
func Open(path string, keys *store.Keys) (*Reader, error) {
	segments, err := segmentsOf(path)
	if err != nil {
		return nil, err
	}
	r := &Reader{keys: keys, segments: segments}
	for r.seg == nil {
		if r.at == len(segments) {
			return nil, fmt.Errorf("%s: %w", path, errEmpty)
		}
		if err := r.advance(); err != nil && err != io.EOF {
			return nil, err
		}
	}
	r.Header, r.Sealed = r.seg.header, r.seg.cipher != nil
	return r, nil
}

// segmentsOf lists the segments of a capture.
func segmentsOf(path string) ([]string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) && !e.IsDir() {
			out = append(out, filepath.Join(path, e.Name()))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no capture is here: `edgeflow capture` writes NNNNNNNNNNNNNNNN%s files", path, suffix)
	}
	slices.Sort(out)
	return out, nil
}

// advance opens the next segment, if one is left that has a header.
func (r *Reader) advance() error {
	if r.seg != nil {
		r.seg.close()
		r.seg = nil
	}
	if r.at == len(r.segments) {
		return io.EOF
	}
	path := r.segments[r.at]
	r.at++
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) && r.at < len(r.segments) {
		return nil // the ring has moved on
	}
	if err != nil {
		return err
	}
	s, err := newSegment(path, f, r.keys)
	if err == nil {
		s.closer = f
		r.seg = s
		return nil
	}
	f.Close()
	if errors.Is(err, errTorn) {
		r.Torn++
		return nil
	}
	return err
}

// Next reads a record. The error is io.EOF behind the last one.
func (r *Reader) Next(rec *Record) error {
	for {
		if r.seg == nil {
			if err := r.advance(); err != nil {
				return err
			}
			if r.seg != nil && !slices.Equal(r.seg.header.Sources, r.Header.Sources) {
				return fmt.Errorf("%s: %w: its sources are others than those of the segments before", r.seg.name, ErrDamaged)
			}
			continue
		}
		err := r.seg.next(rec)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errTorn):
			r.Torn++
		case err != io.EOF:
			return err
		}
		if err := r.advance(); err != nil {
			return err
		}
	}
}

// Close closes the file in hand.
func (r *Reader) Close() error {
	if r.seg != nil {
		r.seg.close()
		r.seg = nil
	}
	r.at = len(r.segments)
	return nil
}

// segment reads one file.
type segment struct {
	name   string
	in     *bufio.Reader
	closer io.Closer
	offset int64
	header Header
	// cipher decrypts the frames behind the first; nil in the clear.
	cipher     *store.Records
	buf, plain []byte
}

// newSegment reads the header. The error is errTorn when the file ends before its end.
func newSegment(name string, in io.Reader, keys *store.Keys) (*segment, error) {
	s := &segment{name: name, in: bufio.NewReaderSize(in, 1<<16)}
	head := make([]byte, len(magic))
	n, err := io.ReadFull(s.in, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	sealed := string(head[:n]) == magicSealed
	if !sealed && string(head[:n]) != magic {
		written := string(bytes.TrimRight(head[:n], "\x00"))
		if (strings.HasPrefix(magic, written) || strings.HasPrefix(magicSealed, written)) && s.last() {
			return nil, errTorn
		}
		return nil, fmt.Errorf("%s: %w: it does not begin as a capture does", name, ErrDamaged)
	}
	s.offset = int64(n)
	if sealed {
		if err := s.unlock(keys); err != nil {
			return nil, err
		}
	}
	body, err := s.headFrame()
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &s.header); err != nil {
		return nil, s.damaged("its header cannot be read")
	}
	return s, nil
}

// headFrame reads a frame that every segment has.
func (s *segment) headFrame() ([]byte, error) {
	body, err := s.frame(headerMax)
	if err == io.EOF {
		err = errTorn
	}
	return body, err
}

// unlock reads the frame that tells the key of the others.
func (s *segment) unlock(keys *store.Keys) error {
	head, err := s.headFrame()
	if err != nil {
		return err
	}
	s.cipher, err = keys.OpenRecords(store.CaptureFile, head)
	switch {
	case errors.Is(err, store.ErrRecord):
		return s.damaged(err.Error())
	case err != nil:
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return nil
}

func (s *segment) damaged(what string) error {
	return fmt.Errorf("%s: %w at byte %d: %s", s.name, ErrDamaged, s.offset, what)
}

func (s *segment) close() {
	if s.closer != nil {
		s.closer.Close()
	}
}

func (s *segment) next(rec *Record) error {
	body, err := s.frame(recordMax)
	if err != nil {
		return err
	}
	if err := rec.decode(body, len(s.header.Sources)); err != nil {
		return s.damaged("no record: " + err.Error())
	}
	return nil
}

// frame reads a length, a checksum and as many bytes. io.EOF is the file's end, errTorn a
// frame that is cut off or, to the file's end, zeros.
func (s *segment) frame(limit uint32) ([]byte, error) {
	var head [frameBytes]byte
	n, err := io.ReadFull(s.in, head[:])
	switch {
	case err == io.EOF:
		return nil, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errTorn
	case err != nil:
		return nil, err
	}
	size, sum := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
	if size == 0 && sum == 0 {
		return nil, s.zeros()
	}
	if size == 0 || size > limit {
		return nil, s.damaged(fmt.Sprintf("a length of %d bytes", size))
	}
	if err := s.fill(int(size)); err != nil {
		return nil, err
	}
	if crc32.Checksum(s.buf, castagnoli) != sum {
		if s.last() {
			return nil, errTorn
		}
		return nil, s.damaged("a checksum does not match")
	}
	body := s.buf
	if s.cipher != nil {
		if s.plain, err = s.cipher.Open(s.plain[:0], s.buf); err != nil {
			return nil, s.damaged(err.Error())
		}
		body = s.plain
	}
	s.offset += int64(n) + int64(size)
	return body, nil
}

// fill reads size bytes, making room as they come: a length may be wrong.
func (s *segment) fill(size int) error {
	s.buf = s.buf[:0]
	for len(s.buf) < size {
		from := len(s.buf)
		s.buf = append(s.buf, make([]byte, min(size-from, 1<<16))...)
		if _, err := io.ReadFull(s.in, s.buf[from:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return errTorn
			}
			return err
		}
	}
	return nil
}

// last tells that nothing but zeros follows: pages of the newest record that were not
// written yet when the power went.
func (s *segment) last() bool { return errors.Is(s.zeros(), errTorn) }

// zeros reads zeros to the end.
func (s *segment) zeros() error {
	for {
		b, err := s.in.ReadByte()
		switch {
		case err == io.EOF:
			return errTorn
		case err != nil:
			return err
		case b != 0:
			return s.damaged("zeros in the middle")
		}
	}
}
