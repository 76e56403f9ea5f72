// Package filesystem reads and writes files of JSON or CSV lines, of msgpack values or of
// raw lines.
//
// Terms: a chunk is a piece of a file with whole events, which the engine takes as one
// message; a part is a file that the sink writes; a part is pending while it is hidden and
// committed once its name is visible.
//
// Invariants: a source reads the files of a directory in the order of their names, each
// once, and in monitor mode what is appended to them; its position is the offset in each
// file, with a hash of the file's head, of those too that are gone: they may come back, or be
// there under another name. A sink's rows become visible in the same act that
// moves the cursor (see Sink), so that a reader of the directory finds each row once.
// Names that begin with a dot or an underscore are hidden: sources skip them.
//
// The package imports dataflow and sync of the project, and connector/internal/with.
package filesystem

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/format"
)

// ErrChanged is matched by every *ChangedError.
var ErrChanged = errors.New("the file is not the one that was read before")

// ChangedError is returned when a file does not continue the stored position.
type ChangedError struct {
	Path, Detail string
}

// Error says what changed and what to do.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s: %v: %s; 'edgeflow.on-gap' = 'resume' reads it anew from its beginning", e.Path, ErrChanged, e.Detail)
}

// Is tells that the error is an ErrChanged.
func (e *ChangedError) Is(target error) bool { return target == ErrChanged }

// file is a file of the source.
type file struct {
	name string // relative to the root
	progress
	// size and modMs are as last seen; looked is the size up to which there was nothing
	// more to hand out.
	size, modMs, looked int64
	info                fs.FileInfo // as last seen, nil before
}

func (f *file) waiting() bool { return f.size > f.offset && f.size > f.looked }

// messages estimates how many chunks of a size wait in the file.
func (f *file) messages(chunk int) uint64 {
	if !f.waiting() {
		return 0
	}
	return 1 + uint64(f.size-f.offset)/uint64(chunk)
}

// mark is where a message of the newest Poll ends.
type mark struct {
	seq    uint64
	offset int64
	rows   uint64
}

// Source reads files. It is a dataflow.MessageSource.
type Source struct {
	opt     Options
	split   *format.Splitter
	pattern *regexp.Regexp
	ctx     context.Context
	root    string
	dir     *os.Root // root, opened anew by each scan
	single  string   // the one file, when the path is a file

	files   []*file          // those that are there, by name
	gone    []*file          // those that are not, of which something was read, as they went
	known   map[string]*file // all of them
	anew    string           // the newest one that another took the place of and that is read anew
	scanned time.Time
	// next is the place in files from which on some may have something to read, waits about how
	// many messages those have; files before it have nothing until a scan tells.
	next  int
	waits uint64

	cur    *file
	f      *os.File
	buf    []byte // the header line, then bytes of cur from base on
	header int
	base   int64
	head   []byte // of cur
	// subject is cur's name; a message carries it as its subject.
	subject []byte
	rows    uint64
	marks   []mark
	// others is the encoded progress of all files but cur, of which there are otherCount.
	others     []byte
	otherCount int
}

// NewSource makes a source.
func NewSource(o Options) (*Source, error) {
	o.setDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s := &Source{opt: o, known: map[string]*file{}}
	var err error
	if s.split, err = format.NewSplitter(o.Format, o.Table); err != nil {
		return nil, err
	}
	if o.Pattern != "" {
		s.pattern, err = regexp.Compile("^(?:" + o.Pattern + ")$")
	}
	return s, err
}

// Open finds the files and verifies those that were read before.
func (s *Source) Open(ctx context.Context, position []byte) (dataflow.OpenReport, error) {
	var r dataflow.OpenReport
	s.ctx = ctx
	info, err := s.opt.Roots.Stat(s.opt.Path)
	if err != nil {
		return r, fmt.Errorf("filesystem: %w", err)
	}
	s.root = s.opt.Path
	if !info.IsDir() {
		s.root, s.single = filepath.Split(s.opt.Path)
		if s.root == "" {
			s.root = "."
		}
	}
	if len(position) > 0 {
		var gone int
		var read []*file
		if s.rows, read, gone, err = decodePosition(position); err != nil {
			return r, err
		}
		r.Resumed = true
		s.gone, s.files = slices.Clone(read[:gone]), read[gone:]
		for _, f := range read {
			s.known[f.name] = f
		}
	}
	if err := s.scan(); err != nil {
		return r, err
	}
	if s.anew != "" {
		r.Warning = s.anew + " is another file than the one read before, and is read from its beginning"
	}
	return r, nil
}

// Poll hands out one chunk of a file: one message, or one for each line of a raw file.
func (s *Source) Poll(dst []dataflow.Message, limit int, wait time.Duration) ([]dataflow.Message, uint64, error) {
	s.marks = s.marks[:0]
	waited := false
	for {
		if s.cur == nil {
			if err := s.choose(); err != nil {
				return dst, 0, err
			}
		}
		if s.cur != nil {
			out, err := s.chunk(dst, limit)
			if err != nil || len(out) > len(dst) {
				return out, s.pending(), err
			}
			continue
		}
		switch {
		case s.opt.MonitorInterval == 0:
			return dst, 0, io.EOF
		case s.opt.Now().Sub(s.scanned) >= s.opt.MonitorInterval:
			if err := s.scan(); err != nil {
				return dst, 0, err
			}
		case waited || wait <= 0:
			return dst, 0, nil
		default:
			waited = true
			if err := s.sleep(min(wait, s.opt.MonitorInterval)); err != nil {
				return dst, 0, err
			}
		}
	}
}

func (s *Source) sleep(d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// choose opens the first file that has something to read.
func (s *Source) choose() error {
	for ; s.next < len(s.files); s.next++ {
		f := s.files[s.next]
		if !f.waiting() {
			continue
		}
		waits := f.messages(s.opt.ChunkBytes)
		read := f.offset > 0
		h, err := s.open(f)
		if errors.Is(err, fs.ErrNotExist) {
			f.size = f.offset // it was removed since the scan; the next one looks again
			s.waits -= waits
			continue
		}
		if err != nil {
			return err
		}
		s.waits -= waits
		s.subject = []byte(f.name)
		s.cur, s.f, s.base, s.header, s.buf = f, h, f.offset, 0, s.buf[:0]
		if read {
			s.encodeOthers() // it is none of them now
		}
		if err := s.begin(); err != nil || s.cur != nil {
			return err
		}
	}
	return nil
}

// open opens a file that continues what was read of it, or is read anew.
func (s *Source) open(f *file) (*os.File, error) {
	if err := s.changed(f); err != nil {
		return nil, err
	}
	h, err := s.dir.Open(f.name)
	if err != nil {
		return nil, fmt.Errorf("filesystem: %w", err)
	}
	return h, nil
}

// begin reads the head of the file, and its header line where the format has one.
func (s *Source) begin() error {
	s.head = append(s.head[:0], make([]byte, headBytes)...)
	n, err := s.f.ReadAt(s.head, 0)
	if err != nil && err != io.EOF {
		return fmt.Errorf("filesystem: %w", err)
	}
	s.head = s.head[:n]
	if !s.split.Header() {
		return nil
	}
	line := append([]byte(nil), s.head...)
	for s.split.Line(line, false) == 0 && err == nil && len(line) < eventBytesMax {
		more := make([]byte, len(line)+headBytes)
		n, err = s.f.ReadAt(more, int64(len(line)))
		line = append(line, more[:n]...)
		if err != nil && err != io.EOF {
			return fmt.Errorf("filesystem: %w", err)
		}
	}
	s.header = s.split.Line(line, err == io.EOF && s.opt.MonitorInterval == 0)
	if s.header == 0 {
		s.release(true) // the line is still being written
		return nil
	}
	s.base = max(s.base, int64(s.header))
	s.cur.offset = s.base
	s.buf = append(s.buf, line[:s.header]...)
	if s.buf[s.header-1] != '\n' {
		s.buf = append(s.buf, '\n')
		s.header++
	}
	return nil
}

// release closes the current file. looked tells that nothing more is to be had of it until
// it grows.
func (s *Source) release(looked bool) {
	if looked {
		s.cur.looked = s.cur.size
	}
	s.note(s.cur)
	s.cur.readMs = s.cur.modMs
	s.f.Close()
	s.addOther(s.cur)
	s.cur, s.f, s.buf = nil, nil, s.buf[:0]
}

// note keeps the hash of the head as far as the file was read.
func (s *Source) note(f *file) {
	n := int(min(f.offset, int64(len(s.head))))
	if n > f.headLen || f.headLen == 0 {
		f.headLen, f.headHash = n, hashHead(s.head[:n])
	}
}

// chunk reads on in the current file until whole events are at hand, and hands them out.
func (s *Source) chunk(dst []dataflow.Message, limit int) ([]dataflow.Message, error) {
	s.drop()
	for size := s.opt.ChunkBytes; ; size *= 2 {
		eof, err := s.read(size)
		if err != nil {
			return dst, err
		}
		final := eof && s.opt.MonitorInterval == 0
		out := s.cut(dst, limit, final)
		if len(out) > len(dst) {
			return out, nil
		}
		if eof {
			s.cur.size = max(s.cur.size, s.base+int64(len(s.buf)-s.header))
			s.release(true)
			return dst, nil
		}
		if size >= eventBytesMax {
			return s.emit(dst, len(s.buf)-s.header, s.buf[s.header:]), nil
		}
	}
}

// drop forgets the bytes handed out by the Poll before.
func (s *Source) drop() {
	if used := int(s.cur.offset - s.base); used > 0 {
		rest := copy(s.buf[s.header:], s.buf[s.header+used:])
		s.buf = s.buf[:s.header+rest]
		s.base = s.cur.offset
	}
}

// read fills the buffer up to size bytes of the file.
func (s *Source) read(size int) (eof bool, err error) {
	have := len(s.buf) - s.header
	if have >= size {
		return false, nil
	}
	if cap(s.buf) < s.header+size {
		s.buf = append(make([]byte, 0, s.header+size), s.buf...)
	}
	n, err := s.f.ReadAt(s.buf[s.header+have:s.header+size], s.base+int64(have))
	s.buf = s.buf[:s.header+have+n]
	if err == io.EOF {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("filesystem: %w", err)
	}
	return false, nil
}

// cut hands out the whole events of the buffer.
func (s *Source) cut(dst []dataflow.Message, limit int, final bool) []dataflow.Message {
	from := len(dst)
	at := s.header
	for len(dst)-from < limit && at < len(s.buf) {
		n, msg := s.split.Next(s.buf[at:], final)
		if n == 0 {
			break
		}
		at += n
		dst = s.emit(dst, n, msg)
	}
	return dst
}

// emit hands out one message that n bytes of the current file make.
func (s *Source) emit(dst []dataflow.Message, n int, msg []byte) []dataflow.Message {
	if s.header > 0 {
		msg = s.buf[:s.header+len(msg)]
	}
	m := dataflow.Message{Data: msg, Seq: s.rows + 1, ArrivalMs: s.cur.modMs, Subject: s.subject}
	if s.opt.StartMs != 0 {
		m.ArrivalMs = s.opt.StartMs + int64(s.rows)
	}
	s.rows += uint64(max(1, bytes.Count(msg[s.header:], []byte{'\n'})))
	s.cur.offset += int64(n)
	s.marks = append(s.marks, mark{m.Seq, s.cur.offset, s.rows})
	return append(dst, m)
}

// pending estimates the messages that wait.
func (s *Source) pending() uint64 {
	if s.cur == nil {
		return s.waits
	}
	return s.waits + s.cur.messages(s.opt.ChunkBytes)
}

// encodeOthers encodes the progress in all files but the current one, which is none of those
// that are gone.
func (s *Source) encodeOthers() {
	s.others, s.otherCount = s.others[:0], len(s.gone)
	for _, f := range s.gone {
		s.others = appendProgress(s.others, f.name, f.progress)
	}
	for _, f := range s.files {
		if f != s.cur {
			s.addOther(f)
		}
	}
}

// addOther adds a file to the others, if something was read of it.
func (s *Source) addOther(f *file) {
	if f.offset > 0 {
		s.others = appendProgress(s.others, f.name, f.progress)
		s.otherCount++
	}
}

// Position appends the position after a message of the newest Poll.
func (s *Source) Position(dst []byte, m *dataflow.Message) []byte {
	i := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].seq >= m.Seq })
	at := s.marks[i]
	dst = append(dst, positionVersion)
	dst = binary.AppendUvarint(dst, at.rows)
	dst = binary.AppendUvarint(dst, uint64(s.otherCount+1))
	dst = binary.AppendUvarint(dst, uint64(len(s.gone)))
	dst = append(dst, s.others...)
	p := progress{offset: at.offset, readMs: s.cur.modMs}
	p.headLen = int(min(p.offset, int64(len(s.head))))
	p.headHash = hashHead(s.head[:p.headLen])
	return appendProgress(dst, s.cur.name, p)
}

// Committed has nothing to tell a file.
func (s *Source) Committed([]byte) {}

// Close closes the current file.
func (s *Source) Close() error {
	var err error
	if s.f != nil {
		err = s.f.Close()
		s.f, s.cur = nil, nil
	}
	if s.dir != nil {
		err = errors.Join(err, s.dir.Close())
		s.dir = nil
	}
	return err
}
