package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/klauspost/compress/s2"
	bolt "go.etcd.io/bbolt"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
)

// A savepoint is a stream: the magic bytes, then records of u8 type, u32 length,
// payload, CRC-32C of all three. Numbers are little-endian. The first record is
// the head, the last one the end, which counts the pages and frames between.
const (
	savepointMagic   = "edgeflow-savepoint\n"
	savepointVersion = 1
	savepointSealed  = 2 // see newSavepointSeal
	// SavepointSuffix ends the names of savepoint files.
	SavepointSuffix = ".savepoint"

	recHead   = 1 // u32 version, then a packed manifest; in version 2 the head of an encrypted one
	recPage   = 2 // u32 page, s2 image
	recOutput = 3 // u64 last sequence, name
	recFrame  = 4 // u64 first, u64 last, u32 rows, i64 created, u16 length of name, name, s2 data
	recEnd    = 5 // u64 pages, u64 frames
	recRoots  = 6 // packed manifest, in version 2

	recordMax  = 1 << 30
	recordStep = 1 << 20
)

// SavepointSource is what a savepoint is made of; its parts belong to one commit.
type SavepointSource struct {
	Restored *state.Restored
	Pages    func(fn func(state.PageID, []byte) error) error
	Frames   func(output string, fn func(state.OutboxFrame) error) error
	// Keys encrypt the savepoint, as the state of Scope; nil leaves it in the clear.
	Keys  *Keys
	Scope string
}

// WriteSavepoint writes a savepoint to w.
func WriteSavepoint(w io.Writer, src SavepointSource) (state.SavepointInfo, error) {
	sw := &savepointWriter{w: bufio.NewWriterSize(w, 1<<20)}
	r := src.Restored
	sw.info.Epoch, sw.info.Generation = r.Epoch, r.Generation
	sw.bytes([]byte(savepointMagic))
	manifest := (*sealer)(nil).packManifest(r.Epoch, r.Generation, r.Roots, r.Manifest)
	if src.Keys != nil {
		seal, head := newSavepointSeal(src.Keys, src.Scope, r)
		sw.record(recHead, head)
		sw.seal = seal
		sw.record(recRoots, manifest)
	} else {
		sw.record(recHead, append(binary.LittleEndian.AppendUint32(nil, savepointVersion), manifest...))
	}
	err := src.Pages(func(p state.PageID, img []byte) error {
		sw.info.Pages++
		sw.buf = binary.LittleEndian.AppendUint32(sw.buf[:0], uint32(p))
		sw.compressed(recPage, img)
		return sw.err
	})
	for i := 0; i < len(r.Outboxes) && err == nil && sw.err == nil; i++ {
		o := r.Outboxes[i]
		// The sequence before the first frame, so that frames can follow it.
		sw.record(recOutput, append(binary.LittleEndian.AppendUint64(nil, o.First-1), o.Output...))
		err = src.Frames(o.Output, func(f state.OutboxFrame) error {
			sw.frame(&f)
			return sw.err
		})
	}
	if err != nil {
		return sw.info, err
	}
	end := binary.LittleEndian.AppendUint64(nil, uint64(sw.info.Pages))
	sw.record(recEnd, binary.LittleEndian.AppendUint64(end, uint64(sw.info.Frames)))
	if sw.err == nil {
		sw.err = sw.w.Flush()
	}
	return sw.info, sw.err
}

type savepointWriter struct {
	w    *bufio.Writer
	info state.SavepointInfo
	buf  []byte
	enc  []byte
	err  error
	// seal encrypts the records after the head, numbered by ordinal; it may be nil.
	seal    *recordSeal
	ordinal uint64
	sealed  []byte
}

func (sw *savepointWriter) bytes(b []byte) {
	if sw.err == nil {
		_, sw.err = sw.w.Write(b)
		sw.info.Bytes += int64(len(b))
	}
}

func (sw *savepointWriter) record(kind byte, payload []byte) {
	if sw.seal != nil {
		sw.ordinal++
		sw.sealed = sw.seal.seal(sw.sealed[:0], kind, sw.ordinal, payload)
		payload = sw.sealed
	}
	var h [5]byte
	h[0] = kind
	binary.LittleEndian.PutUint32(h[1:], uint32(len(payload)))
	sw.bytes(h[:])
	sw.bytes(payload)
	sw.bytes(binary.LittleEndian.AppendUint32(nil, checksum(h[:], payload)))
}

// compressed writes a record of sw.buf and the compressed data.
func (sw *savepointWriter) compressed(kind byte, data []byte) {
	sw.enc = s2.Encode(sw.enc[:cap(sw.enc)], data)
	sw.buf = append(sw.buf, sw.enc...)
	sw.record(kind, sw.buf)
}

func (sw *savepointWriter) frame(f *state.OutboxFrame) {
	sw.info.Frames++
	b := binary.LittleEndian.AppendUint64(sw.buf[:0], f.First)
	b = binary.LittleEndian.AppendUint64(b, f.Last)
	b = binary.LittleEndian.AppendUint32(b, uint32(f.Rows))
	b = binary.LittleEndian.AppendUint64(b, uint64(f.Created))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(f.Output)))
	sw.buf = append(b, f.Output...)
	sw.compressed(recFrame, f.Data)
}

// SavepointSink takes the parts of a savepoint in order: the head, pages, and for
// each output its name and then its frames. Any part may be nil. Slices are valid
// during the call.
type SavepointSink struct {
	Head   func(r *state.Restored) error
	Page   func(p state.PageID, image []byte) error
	Output func(name string, before uint64) error // before is the sequence before the first frame
	Frame  func(f state.OutboxFrame) error
	// Keys decrypt an encrypted savepoint.
	Keys *Keys
}

// ErrSavepoint is returned, wrapped, for a file that is no whole savepoint.
var ErrSavepoint = errors.New("not a whole savepoint")

// ReadSavepoint reads a savepoint from r. With an empty sink it verifies it. An encrypted
// one needs its key in sink.Keys, and is refused with a *KeyError otherwise.
func ReadSavepoint(r io.Reader, sink SavepointSink) (state.SavepointInfo, error) {
	sr := &savepointReader{r: bufio.NewReaderSize(r, 1<<20), sink: sink}
	if err := sr.run(false); err != nil {
		return sr.info, fmt.Errorf("store: savepoint: %w", err)
	}
	return sr.info, nil
}

type savepointReader struct {
	r    *bufio.Reader
	sink SavepointSink
	info state.SavepointInfo
	buf  []byte
	dec  []byte
	// seal decrypts the records after the head, numbered by ordinal; nil without encryption.
	seal    *recordSeal
	ordinal uint64
	plain   []byte
	// rooted is set once the manifest was read.
	rooted   bool
	headOnly bool
}

func (sr *savepointReader) run(headOnly bool) error {
	sr.headOnly = headOnly
	magic := make([]byte, len(savepointMagic))
	if _, err := io.ReadFull(sr.r, magic); err != nil {
		return cutShort(err)
	}
	if string(magic) != savepointMagic {
		return fmt.Errorf("%w: it begins with other bytes", ErrSavepoint)
	}
	sr.info.Bytes = int64(len(magic))
	for first := true; ; first = false {
		kind, payload, err := sr.next()
		if err != nil {
			return err
		}
		if first != (kind == recHead) || !first && sr.rooted == (kind == recRoots) {
			return fmt.Errorf("%w: record of type %d at a wrong place", ErrSavepoint, kind)
		}
		if sr.seal != nil {
			sr.ordinal++
			if sr.plain, err = sr.seal.open(sr.plain[:0], kind, sr.ordinal, payload); err != nil {
				return fmt.Errorf("%w: %w", ErrSavepoint, err)
			}
			payload = sr.plain
		}
		if err := sr.take(kind, payload); err != nil || kind == recEnd || headOnly {
			return err
		}
	}
}

// cutShort is what it means that a savepoint cannot be read on: only its end says something of it.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too soon", ErrSavepoint)
	}
	return fmt.Errorf("store: savepoint: %w", err)
}

func (sr *savepointReader) next() (kind byte, payload []byte, err error) {
	var h [5]byte
	if _, err := io.ReadFull(sr.r, h[:]); err != nil {
		return 0, nil, cutShort(err)
	}
	n := int64(binary.LittleEndian.Uint32(h[1:]))
	if n > recordMax {
		return 0, nil, fmt.Errorf("%w: record of %d bytes", ErrSavepoint, n)
	}
	// A length that was damaged must not take memory that the file does not fill.
	sr.buf = sr.buf[:0]
	for left := n + 4; left > 0; left = n + 4 - int64(len(sr.buf)) {
		at, step := len(sr.buf), int(min(left, recordStep))
		sr.buf = slices.Grow(sr.buf, step)[:at+step]
		if _, err := io.ReadFull(sr.r, sr.buf[at:]); err != nil {
			return 0, nil, cutShort(err)
		}
	}
	sr.info.Bytes += n + 9
	payload = sr.buf[:n]
	if binary.LittleEndian.Uint32(sr.buf[n:]) != crc32.Update(checksum(h[:]), castagnoli, payload) {
		return 0, nil, fmt.Errorf("%w: %w", ErrSavepoint, errChecksum)
	}
	return h[0], payload, nil
}

var recordMin = map[byte]int{recHead: 4, recPage: 4, recOutput: 8, recFrame: 30, recEnd: 16, recRoots: 5 + manifestHeader}

func (sr *savepointReader) take(kind byte, b []byte) error {
	if least, ok := recordMin[kind]; !ok || len(b) < least {
		return fmt.Errorf("%w: record of type %d with %d bytes", ErrSavepoint, kind, len(b))
	}
	switch kind {
	case recHead:
		return sr.head(b)
	case recRoots:
		return sr.roots(b)
	case recPage:
		sr.info.Pages++
		img, err := sr.decode(b[4:], pageBytesMax)
		if err != nil || sr.sink.Page == nil {
			return err
		}
		return sr.sink.Page(state.PageID(binary.LittleEndian.Uint32(b)), img)
	case recOutput:
		if sr.sink.Output != nil {
			return sr.sink.Output(string(b[8:]), binary.LittleEndian.Uint64(b))
		}
	case recFrame:
		return sr.frame(b)
	case recEnd:
		if p, f := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]); p != uint64(sr.info.Pages) || f != uint64(sr.info.Frames) {
			return fmt.Errorf("%w: %d pages and %d frames instead of %d and %d", ErrSavepoint, sr.info.Pages, sr.info.Frames, p, f)
		}
	}
	return nil
}

// head takes the first record.
func (sr *savepointReader) head(b []byte) (err error) {
	switch v := binary.LittleEndian.Uint32(b); v {
	case savepointVersion:
		return sr.roots(b[4:])
	case savepointSealed:
		bytes := sr.info.Bytes
		sr.seal, sr.info, err = openSavepointSeal(b, sr.sink.Keys)
		sr.info.Bytes = bytes
		if key := (*KeyError)(nil); errors.As(err, &key) && sr.headOnly {
			err = nil // the head tells enough
		}
		return err
	default:
		return fmt.Errorf("it has version %d and this program reads up to %d; use the newer edgeflow that wrote it", v, savepointSealed)
	}
}

// roots takes the manifest.
func (sr *savepointReader) roots(b []byte) error {
	r, err := (*sealer)(nil).unpackManifest(b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSavepoint, err)
	}
	sr.rooted = true
	sr.info.Epoch, sr.info.Generation = r.Epoch, r.Generation
	if sr.sink.Head != nil {
		return sr.sink.Head(r)
	}
	return nil
}

func (sr *savepointReader) decode(b []byte, most int) ([]byte, error) {
	if n, err := s2.DecodedLen(b); err != nil || n > most {
		return nil, fmt.Errorf("%w: compressed bytes of a wrong length", ErrSavepoint)
	}
	d, err := s2.Decode(sr.dec[:cap(sr.dec)], b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSavepoint, err)
	}
	sr.dec = d
	return d, nil
}

func (sr *savepointReader) frame(b []byte) error {
	sr.info.Frames++
	name := int(binary.LittleEndian.Uint16(b[28:]))
	if len(b) < 30+name {
		return fmt.Errorf("%w: frame of %d bytes", ErrSavepoint, len(b))
	}
	data, err := sr.decode(b[30+name:], recordMax)
	if err != nil || sr.sink.Frame == nil {
		return err
	}
	return sr.sink.Frame(state.OutboxFrame{
		First:   binary.LittleEndian.Uint64(b),
		Last:    binary.LittleEndian.Uint64(b[8:]),
		Rows:    int(binary.LittleEndian.Uint32(b[16:])),
		Created: int64(binary.LittleEndian.Uint64(b[20:])),
		Output:  string(b[30 : 30+name]),
		Data:    data,
	})
}

// Savepoint implements state.Store. It reads from one transaction: others read on
// meanwhile; commits wait.
func (s *Store) Savepoint(w io.Writer) (info state.SavepointInfo, err error) {
	s.writer.Lock()
	defer s.writer.Unlock()
	r, err := s.load()
	if err != nil {
		return info, err
	}
	// No commit comes between load and this transaction.
	err = s.view(func(tx *bolt.Tx) error {
		src := SavepointSource{
			Restored: r, Keys: s.opt.Keys, Scope: s.opt.Scope,
			Pages: func(fn func(state.PageID, []byte) error) error { return s.seal.eachPage(tx, fn) },
			Frames: func(output string, fn func(state.OutboxFrame) error) error {
				b := tx.Bucket(bucketOutbox).Bucket([]byte(output))
				if b == nil {
					return nil
				}
				last, err := s.seal.counted(tx, output)
				if err != nil {
					return err
				}
				return b.ForEach(func(k, v []byte) error {
					if behind(k, last) {
						return nil
					}
					f, err := s.seal.unpackFrame(nil, output, k, v)
					if err != nil {
						return err
					}
					return fn(f)
				})
			},
		}
		info, err = WriteSavepoint(w, src)
		return err
	})
	return info, err
}

// CreateSavepoint writes a savepoint of a store to the file at path, which
// appears whole or not at all.
func CreateSavepoint(s state.Store, path string) (info state.SavepointInfo, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return info, fmt.Errorf("store: savepoint: %w", err)
	}
	if _, err := os.Stat(path); err == nil {
		return info, fmt.Errorf("store: savepoint %s: %w", path, os.ErrExist)
	}
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return info, fmt.Errorf("store: savepoint: %w", err)
	}
	info, err = s.Savepoint(f)
	if err == nil {
		err = failpoint.Hit("savepoint.before-sync")
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = failpoint.Hit("savepoint.before-rename")
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp)
		return info, fmt.Errorf("store: savepoint %s: %w", path, err)
	}
	o := Options{FS: OS{}}
	if err := o.syncPath(path, 1); err != nil {
		return info, err
	}
	return info, failpoint.Hit("savepoint.after-rename")
}

// SavepointFile is a savepoint in a folder.
type SavepointFile struct {
	Path       string
	Epoch      state.Epoch
	Generation uint64
	Bytes      int64
	ModTimeMs  int64
	Err        error // why it cannot be used, as far as its head tells
}

// ListSavepoints returns the savepoints in a folder, the newest epoch last. It
// reads their heads only; VerifySavepoint reads all of one.
func ListSavepoints(dir string) ([]SavepointFile, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var list []SavepointFile
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), SavepointSuffix) || e.IsDir() {
			continue
		}
		sp := SavepointFile{Path: filepath.Join(dir, e.Name())}
		if info, err := e.Info(); err == nil {
			sp.Bytes, sp.ModTimeMs = info.Size(), info.ModTime().UnixMilli()
		}
		if f, err := os.Open(sp.Path); err != nil {
			sp.Err = err
		} else {
			sr := &savepointReader{r: bufio.NewReader(f)}
			sp.Err = sr.run(true)
			sp.Epoch, sp.Generation = sr.info.Epoch, sr.info.Generation
			f.Close()
		}
		list = append(list, sp)
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Epoch < list[j].Epoch })
	return list, nil
}

// VerifySavepoint reads the whole savepoint at path.
func VerifySavepoint(path string, keys *Keys) (state.SavepointInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return state.SavepointInfo{}, fmt.Errorf("store: savepoint: %w", err)
	}
	defer f.Close()
	return ReadSavepoint(f, SavepointSink{Keys: keys})
}

func newestSavepoint(dir string) string {
	if dir == "" {
		return ""
	}
	// Epochs begin anew with a reset, and go back with an earlier savepoint.
	var newest SavepointFile
	list, _ := ListSavepoints(dir)
	for _, sp := range list {
		if sp.Err == nil && sp.ModTimeMs >= newest.ModTimeMs {
			newest = sp
		}
	}
	return newest.Path
}
