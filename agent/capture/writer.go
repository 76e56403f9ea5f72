package capture

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/store"
)

// Options say how much a ring keeps.
type Options struct {
	// MaxBytes bounds the segments' size together; 0 is any.
	MaxBytes int64
	// MaxAge drops segments all of whose messages arrived longer ago than that before the
	// newest one; 0 keeps them.
	MaxAge time.Duration
	// Keys encrypt what is written; nil leaves it in the clear.
	Keys *store.Keys
	// Now gives the time at which a segment is made; nil is the clock.
	Now func() time.Time
}

// segmentsInRing is how many segments a full ring has at least: dropping one drops no more
// than this part of it.
const segmentsInRing = 8

// ErrFull is returned for a record that a single file has no room for.
var ErrFull = errors.New("the file is full")

// Writer writes a capture. It is used from one goroutine.
type Writer struct {
	o      Options
	path   string
	single bool
	header Header

	ring []written // oldest first; the last one is being written
	file *os.File
	// cipher is that of the segment that is being written, nil without keys.
	cipher    *store.Records
	buf, body []byte
}

// written is a segment of the ring.
type written struct {
	path   string
	number uint64
	bytes  int64
	newest int64 // arrival of its newest message
}

// Create begins or goes on with a capture at path: a folder is a ring, a name that ends in
// .capture is one file, which must not exist and takes no more than MaxBytes.
func Create(path string, h Header, o Options) (*Writer, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	w := &Writer{o: o, path: path, header: h, single: strings.HasSuffix(path, ".capture")}
	if w.single {
		return w, w.begin(path, 0)
	}
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, err
	}
	if err := w.existing(); err != nil {
		return nil, err
	}
	return w, nil
}

// existing takes over the segments that are there.
func (w *Writer) existing() error {
	segments, err := fs.Glob(os.DirFS(w.path), "*"+suffix) // the folder's own name may look like a pattern
	if err != nil {
		return err
	}
	slices.Sort(segments)
	for _, name := range segments {
		path := filepath.Join(w.path, name)
		number, err := strconv.ParseUint(strings.TrimSuffix(name, suffix), 10, 64)
		if err != nil {
			return fmt.Errorf("%s is no segment of a capture: choose another folder", path)
		}
		s, err := w.survey(path)
		if err != nil {
			return err
		}
		s.number = number
		w.ring = append(w.ring, s)
	}
	return nil
}

// survey looks at a segment written before.
func (w *Writer) survey(path string) (written, error) {
	s := written{path: path, newest: math.MinInt64}
	st, err := os.Stat(path)
	if err != nil {
		return s, err
	}
	s.bytes = st.Size()
	r, err := Open(path, w.o.Keys)
	if errors.Is(err, errEmpty) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	defer r.Close()
	if w.o.Keys != nil && !r.Sealed {
		return s, fmt.Errorf("%s is in the clear, and a key is given: choose another folder", path)
	}
	if !slices.Equal(r.Header.Sources, w.header.Sources) {
		return s, fmt.Errorf("%s holds messages of other sources (%s): choose another folder", w.path, tables(r.Header.Sources))
	}
	var rec Record
	for {
		switch err := r.Next(&rec); {
		case err == io.EOF:
			return s, nil
		case err != nil:
			return s, err
		}
		s.newest = max(s.newest, rec.ArrivalMs)
	}
}

func tables(sources []Source) string {
	var out []string
	for _, s := range sources {
		out = append(out, s.Table)
	}
	return strings.Join(out, ", ")
}

// begin makes a segment.
func (w *Writer) begin(path string, number uint64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists: choose another name", path)
	}
	if err != nil {
		return err
	}
	h := w.header
	h.Created = w.o.Now().UTC()
	if w.buf, w.cipher, err = appendHeader(w.buf[:0], &h, w.o.Keys); err == nil {
		_, err = f.Write(w.buf)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	w.file = f
	w.ring = append(w.ring, written{path: path, number: number, bytes: int64(len(w.buf)), newest: math.MinInt64})
	return nil
}

// Append writes a record, and drops what the ring has no room for.
func (w *Writer) Append(r *Record) error {
	w.body = r.append(w.body[:0])
	n := len(w.body)
	if w.o.Keys != nil {
		n += store.RecordOverhead
	}
	if n > recordMax {
		return fmt.Errorf("message %d: %d bytes are more than a record takes", r.Seq, n)
	}
	if err := w.room(int64(frameBytes + n)); err != nil {
		return err
	}
	if w.file == nil {
		if err := w.next(); err != nil {
			return err
		}
	}
	w.buf = appendFrame(w.buf[:0], w.body, w.cipher)
	if _, err := w.file.Write(w.buf); err != nil {
		// A part of the record may be there: the segment ends here.
		err = errors.Join(err, w.file.Close())
		w.file = nil
		return err
	}
	s := &w.ring[len(w.ring)-1]
	s.bytes += int64(len(w.buf))
	s.newest = max(s.newest, r.ArrivalMs)
	return w.drop(s.newest)
}

// room ends the segment in hand when it is large enough.
func (w *Writer) room(n int64) error {
	if w.o.MaxBytes == 0 || w.file == nil {
		return nil
	}
	s := &w.ring[len(w.ring)-1]
	if w.single {
		if s.bytes+n > w.o.MaxBytes {
			return ErrFull
		}
		return nil
	}
	if s.bytes+n <= w.o.MaxBytes/segmentsInRing || s.newest == math.MinInt64 {
		return nil
	}
	return w.end()
}

func (w *Writer) next() error {
	number := uint64(1)
	if len(w.ring) > 0 {
		number = w.ring[len(w.ring)-1].number + 1
	}
	return w.begin(filepath.Join(w.path, fmt.Sprintf("%016d%s", number, suffix)), number)
}

// drop removes the oldest segments that are too many or too old.
func (w *Writer) drop(newest int64) error {
	total := int64(0)
	for _, s := range w.ring {
		total += s.bytes
	}
	for len(w.ring) > 1 {
		old := w.ring[0]
		large := w.o.MaxBytes > 0 && total > w.o.MaxBytes
		aged := w.o.MaxAge > 0 && old.newest < newest-w.o.MaxAge.Milliseconds()
		if !large && !aged {
			return nil
		}
		if err := os.Remove(old.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		total -= old.bytes
		w.ring = w.ring[1:]
	}
	return nil
}

// Turn ends the segment in hand, so that age can be told apart by segments.
func (w *Writer) Turn() error {
	if w.single || w.file == nil || w.ring[len(w.ring)-1].newest == math.MinInt64 {
		return nil
	}
	return w.end()
}

// Sync makes what was written durable.
func (w *Writer) Sync() error {
	if w.file == nil {
		return nil
	}
	return w.file.Sync()
}

// Bytes is the size of the capture.
func (w *Writer) Bytes() (n int64) {
	for _, s := range w.ring {
		n += s.bytes
	}
	return n
}

func (w *Writer) end() error {
	err := errors.Join(w.file.Sync(), w.file.Close())
	w.file = nil
	return err
}

// Close ends the capture.
func (w *Writer) Close() error {
	if w.file == nil {
		return nil
	}
	return w.end()
}
