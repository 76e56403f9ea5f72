package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/store"
)

var testHeader = Header{Pipeline: "p", Sources: []Source{{Table: "a", Stream: "A"}, {Table: "b", Stream: "B"}}}

func record(i int) *Record {
	r := &Record{Source: i % 2, Seq: uint64(i), ArrivalMs: int64(1000 * i), Subject: []byte(fmt.Sprintf("s.%d", i)), Data: bytes.Repeat([]byte{byte(i)}, i%300)}
	if i%3 == 0 {
		r.Header = []byte("NATS/1.0\r\n\r\n")
	}
	return r
}

func write(t *testing.T, path string, o Options, from, to int) {
	t.Helper()
	o.Now = func() time.Time { return time.UnixMilli(1) }
	w, err := Create(path, testHeader, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		if err := w.Append(record(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// read returns the sequences of a capture, each record of which must be as it was written.
func read(t testing.TB, path string, keys *store.Keys) (seqs []int, torn int, err error) {
	t.Helper()
	r, err := Open(path, keys)
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	var rec Record
	for {
		err := r.Next(&rec)
		if err == io.EOF {
			return seqs, r.Torn, nil
		}
		if err != nil {
			return seqs, r.Torn, err
		}
		want := record(int(rec.Seq))
		if rec.Source != want.Source || rec.ArrivalMs != want.ArrivalMs || string(rec.Subject) != string(want.Subject) ||
			string(rec.Header) != string(want.Header) || !bytes.Equal(rec.Data, want.Data) {
			t.Fatalf("record %d reads as %+v", want.Seq, rec)
		}
		seqs = append(seqs, int(rec.Seq))
	}
}

// wantRange checks that the sequences are from up to to-1.
func wantRange(t *testing.T, seqs []int, from, to int) {
	t.Helper()
	if len(seqs) != to-from {
		t.Fatalf("%d records, want %d", len(seqs), to-from)
	}
	for i, s := range seqs {
		if s != from+i {
			t.Fatalf("record %d is %d, want %d", i, s, from+i)
		}
	}
}

// eachKeys runs a test in the clear and encrypted.
func eachKeys(t *testing.T, test func(*testing.T, *store.Keys)) {
	t.Run("in the clear", func(t *testing.T) { test(t, nil) })
	t.Run("encrypted", func(t *testing.T) { test(t, someKeys(t, "5a")) })
}

func someKeys(t testing.TB, digits string) *store.Keys {
	t.Helper()
	k, err := store.ParseKeys(strings.Repeat(digits, store.KeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// What is written is read, from a folder and from a file, and a folder is gone on with.
func TestRoundTrip(t *testing.T) { eachKeys(t, testRoundTrip) }

func testRoundTrip(t *testing.T, keys *store.Keys) {
	for _, path := range []string{filepath.Join(t.TempDir(), "ring [1]"), filepath.Join(t.TempDir(), "one.capture")} {
		write(t, path, Options{Keys: keys}, 0, 1000)
		to := 1000
		if !strings.HasSuffix(path, ".capture") {
			write(t, path, Options{Keys: keys}, 1000, 1200)
			to = 1200
		}
		seqs, torn, err := read(t, path, keys)
		if err != nil || torn != 0 {
			t.Fatalf("%v, %d torn", err, torn)
		}
		wantRange(t, seqs, 0, to)
	}
}

// A ring keeps the newest records within its size, and drops those that are too old.
func TestRing(t *testing.T) { eachKeys(t, testRing) }

func testRing(t *testing.T, keys *store.Keys) {
	dir := t.TempDir()
	const size = 100_000
	write(t, dir, Options{MaxBytes: size, Keys: keys}, 0, 3000)
	seqs, _, err := read(t, dir, keys)
	if err != nil {
		t.Fatal(err)
	}
	wantRange(t, seqs, 3000-len(seqs), 3000)
	total := int64(0)
	segments, err := segmentsOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		st, err := os.Stat(s)
		if err != nil {
			t.Fatal(err)
		}
		total += st.Size()
	}
	if total > size || total < size*3/4 {
		t.Errorf("%d bytes of %d", total, size)
	}

	dir = t.TempDir()
	w, err := Create(dir, testHeader, Options{MaxAge: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := errors.Join(w.Append(record(i)), w.Turn()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if seqs, _, err = read(t, dir, nil); err != nil {
		t.Fatal(err)
	}
	wantRange(t, seqs, 89, 100)
}

// A single file is not a ring.
func TestASingleFileIsFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "one.capture")
	w, err := Create(path, testHeader, Options{MaxBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; err == nil; n++ {
		err = w.Append(record(n))
	}
	if !errors.Is(err, ErrFull) || w.Close() != nil {
		t.Fatal(err)
	}
	seqs, _, err := read(t, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantRange(t, seqs, 0, n-1)
	if _, err := Create(path, testHeader, Options{}); err == nil {
		t.Error("a file was overwritten")
	}
	if _, err := Create(filepath.Dir(path), Header{}, Options{}); err != nil {
		t.Errorf("a file beside segments: %v", err)
	}
}

// A segment that ends anywhere, or in zeros, has the records before its end.
func TestTornTails(t *testing.T) { eachKeys(t, testTornTails) }

func testTornTails(t *testing.T, keys *store.Keys) {
	dir := t.TempDir()
	path := filepath.Join(dir, "one.capture")
	write(t, path, Options{Keys: keys}, 0, 20)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := -1
	for n := range whole {
		for _, tail := range []int{0, 5000} {
			cut := append(append([]byte(nil), whole[:n]...), make([]byte, tail)...)
			if err := os.WriteFile(path, cut, 0o640); err != nil {
				t.Fatal(err)
			}
			seqs, _, err := read(t, path, keys)
			if errors.Is(err, ErrDamaged) {
				t.Fatalf("cut at %d with %d zeros: %v", n, tail, err)
			}
			wantRange(t, seqs, 0, len(seqs))
			if len(seqs) < last {
				t.Fatalf("cut at %d: %d records, %d before", n, len(seqs), last)
			}
			if tail == 0 {
				last = len(seqs)
			}
		}
	}
	if last != 19 {
		t.Errorf("%d records of a file without its last byte", last)
	}
}

// A bit that flips is found, wherever it is: no record is ever another.
func TestDamage(t *testing.T) { eachKeys(t, testDamage) }

func testDamage(t *testing.T, keys *store.Keys) {
	path := filepath.Join(t.TempDir(), "one.capture")
	write(t, path, Options{Keys: keys}, 0, 12)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		bad := append([]byte(nil), whole...)
		bad[i] ^= 1 << (i % 8)
		if err := os.WriteFile(path, bad, 0o640); err != nil {
			t.Fatal(err)
		}
		seqs, torn, err := read(t, path, keys)
		if err == nil && torn == 0 {
			t.Fatalf("a flipped bit in byte %d is not found", i)
		}
		wantRange(t, seqs, 0, len(seqs)) // read checks each
	}
}

// Segments of other pipelines are not mixed.
func TestForeignFolders(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, Options{}, 0, 10)
	if _, err := Create(dir, Header{Sources: []Source{{Table: "other"}}}, Options{}); err == nil || !strings.Contains(err.Error(), "a, b") {
		t.Error(err)
	}
	if _, err := Open(t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "edgeflow capture") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x.capture"), []byte("something else"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(dir, "x.capture"), nil); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

// An encrypted capture tells nothing of what it holds but its pipeline and its size, is read
// with its key alone, also after another one was put before it, and is not gone on with in the
// clear, nor one in the clear with a key.
func TestEncrypted(t *testing.T) {
	dir := t.TempDir()
	const secret = "the-message-that-nobody-may-read"
	k := someKeys(t, "5a")
	h := Header{Pipeline: "p", Sources: []Source{{Table: secret, Stream: secret}}}
	w, err := Create(dir, h, Options{Keys: k})
	if err != nil {
		t.Fatal(err)
	}
	err = w.Append(&Record{Seq: 1, Subject: []byte(secret), Header: []byte(secret), Data: []byte(secret)})
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	segments, err := segmentsOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(segments[0]); err != nil || bytes.Contains(b, []byte(secret)) || !bytes.HasPrefix(b, []byte(magicSealed)) {
		t.Fatalf("%q, %v", b, err)
	}
	two, err := store.ParseKeys(strings.Repeat("6b", store.KeyBytes) + "\n" + strings.Repeat("5a", store.KeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(dir, two)
	if err != nil || !r.Sealed || r.Header.Sources[0].Table != secret {
		t.Fatal(err)
	}
	r.Close()
	for _, wrong := range []*store.Keys{nil, someKeys(t, "6b")} {
		var key *store.KeyError
		if _, err := Open(dir, wrong); !errors.As(err, &key) || !strings.Contains(err.Error(), k.IDs()[0].String()) || !strings.Contains(err.Error(), segments[0]) {
			t.Error(err)
		}
		if _, err := Create(dir, h, Options{Keys: wrong}); !errors.As(err, &key) {
			t.Error(err)
		}
	}
	clear := t.TempDir()
	write(t, clear, Options{}, 0, 10)
	if _, err := Create(clear, testHeader, Options{Keys: k}); err == nil || !strings.Contains(err.Error(), "in the clear") {
		t.Error(err)
	}
}

// Whatever a file holds, reading it ends, with records whose parts are its own bytes.
func FuzzReader(f *testing.F) {
	keys := someKeys(f, "5a")
	for _, k := range []*store.Keys{nil, keys} {
		path := filepath.Join(f.TempDir(), "seed.capture")
		w, err := Create(path, testHeader, Options{Keys: k, Now: func() time.Time { return time.UnixMilli(1) }})
		if err != nil {
			f.Fatal(err)
		}
		for i := range 5 {
			if err := w.Append(record(i)); err != nil {
				f.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		seed, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
		f.Add(seed[:len(seed)-3])
		f.Add(append(append([]byte(nil), seed...), make([]byte, 100)...))
	}
	f.Add([]byte(magic))
	f.Add([]byte(magicSealed))
	f.Add(append([]byte(magic), 0xff, 0xff, 0xff, 0x7f, 1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := newSegment("fuzz", bytes.NewReader(data), keys)
		if err != nil {
			return
		}
		var rec Record
		size := 0
		for {
			if err := s.next(&rec); err != nil {
				if err != io.EOF && !errors.Is(err, errTorn) && !errors.Is(err, ErrDamaged) {
					t.Fatal(err)
				}
				break
			}
			if rec.Source >= len(s.header.Sources) {
				t.Fatalf("source %d of %d", rec.Source, len(s.header.Sources))
			}
			size += len(rec.Subject) + len(rec.Header) + len(rec.Data)
		}
		if size > len(data) {
			t.Fatalf("%d bytes out of %d", size, len(data))
		}
	})
}
