package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
	"github.com/edgeflow/edgeflow/store/storetest"
)

// keys makes keys that repeat a byte each.
func keys(t testing.TB, of ...byte) *store.Keys {
	t.Helper()
	var text strings.Builder
	for _, b := range of {
		fmt.Fprintf(&text, "%x\n", bytes.Repeat([]byte{b}, store.KeyBytes))
	}
	k, err := store.ParseKeys(text.String())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestContractEncrypted(t *testing.T) {
	o := store.Options{Keys: keys(t, 1), Scope: "p"}
	storetest.Run(t, func(t testing.TB) storetest.Disk { return newDisk(t, o) })
	o.TxBytesMax = 5_000
	storetest.Run(t, func(t testing.TB) storetest.Disk { return newDisk(t, o) })
}

func TestParseKeys(t *testing.T) {
	secret := "hunter2hunter2hunter2hunter2hunt"
	for text, want := range map[string]string{
		"":                                   "there is none",
		"# nothing\n\n":                      "there is none",
		secret:                               "line 1",
		strings.Repeat("ab", 31):             "line 1",
		strings.Repeat("ab", 32) + "\nshort": "line 2",
		strings.Repeat("ab", 32) + "\n" + strings.Repeat("AB", 32): "there already",
	} {
		_, err := store.ParseKeys(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "abab") {
			t.Errorf("%q: %v", text, err)
		}
	}
	k, err := store.ParseKeys("# new\n" + strings.Repeat("AB", 32) + "\n\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n")
	if err != nil || len(k.IDs()) != 2 || k.IDs()[0] == k.IDs()[1] {
		t.Fatal(k.IDs(), err)
	}
}

// secretRow is in every page, frame and manifest of sealedDisk.
const secretRow = "the-row-that-nobody-may-read"

func sealedDisk(t testing.TB, o store.Options) *disk {
	d := newDisk(t, o)
	s := d.Open(t)
	a, tab := newTable(t, s)
	for i := range uint64(500) {
		row, _ := tab.Upsert(fmt.Appendf(nil, "%08d", i))
		copy(tab.MutValue(row), secretRow)
	}
	commit(t, s, a, &state.Commit{Epoch: 1, Manifest: []byte(secretRow), Append: []state.OutboxFrame{{Output: "o", First: 1, Last: 2, Rows: 2, Data: []byte(secretRow)}}})
	sp := filepath.Join(filepath.Dir(d.path), "a"+store.SavepointSuffix)
	if _, err := store.CreateSavepoint(s, sp); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *disk) savepoint() string {
	return filepath.Join(filepath.Dir(d.path), "a"+store.SavepointSuffix)
}

func leaks(t *testing.T, path string) bool {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// S2 keeps the first occurrence of a text as it is.
	return bytes.Contains(b, []byte(secretRow[:16]))
}

func TestEncryptedFilesTellNothing(t *testing.T) {
	plain := sealedDisk(t, store.Options{})
	if !leaks(t, plain.path) || !leaks(t, plain.savepoint()) {
		t.Fatal("the test would find nothing in files in the clear either")
	}
	d := sealedDisk(t, store.Options{Keys: keys(t, 1), Scope: "p"})
	if leaks(t, d.path) || leaks(t, d.savepoint()) {
		t.Fatal("rows can be read")
	}
	if err := useAll(d); err != nil {
		t.Fatal(err)
	}
}

// refused opens a disk and wants a *KeyError that has the words; the file stays.
func refused(t *testing.T, d *disk, o store.Options, words ...string) {
	t.Helper()
	o.NoSync = true
	before, _ := os.ReadFile(d.path)
	s, err := store.Open(d.path, o)
	if err == nil {
		s.Close()
	}
	var k *store.KeyError
	if !errors.As(err, &k) {
		t.Fatalf("%v is no KeyError", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q has no %q", err, w)
		}
	}
	if after, _ := os.ReadFile(d.path); !bytes.Equal(before, after) {
		t.Error("the file was changed")
	}
}

func TestWrongKeysAreRefused(t *testing.T) {
	one, two := keys(t, 1), keys(t, 2)
	d := sealedDisk(t, store.Options{Keys: one, Scope: "p"})
	refused(t, d, store.Options{}, "encrypted with key "+one.IDs()[0].String(), "--state-key")
	refused(t, d, store.Options{Keys: two, Scope: "p"}, one.IDs()[0].String(), two.IDs()[0].String(), "not among")
	refused(t, d, store.Options{Keys: one, Scope: "q"}, `"p"`, `"q"`)
	plain := sealedDisk(t, store.Options{})
	refused(t, plain, store.Options{Keys: one, Scope: "p"}, "not encrypted", "--rekey")
	for _, k := range []*store.Keys{nil, two} {
		if _, err := store.VerifySavepoint(d.savepoint(), k); err == nil || !strings.Contains(err.Error(), "encrypted") {
			t.Errorf("savepoint with %v: %v", k.IDs(), err)
		}
	}
	list, err := store.ListSavepoints(filepath.Dir(d.path))
	if err != nil || len(list) != 1 || list[0].Err != nil || list[0].Epoch != 1 {
		t.Errorf("a list needs no key: %+v, %v", list, err)
	}
}

func TestKeyRotation(t *testing.T) {
	one, two, both := keys(t, 1), keys(t, 2), keys(t, 2, 1)
	d := sealedDisk(t, store.Options{Keys: one, Scope: "p"})
	d.opt.Keys = both
	if err := useAll(d); err != nil {
		t.Fatal(err)
	}
	s := d.Open(t).(*store.Store)
	if ids, err := s.Sealed(); err != nil || len(ids) != 2 || ids[0] != one.IDs()[0] || ids[1] != two.IDs()[0] {
		t.Fatal(ids, err)
	}
	if _, err := s.Commit(&state.Commit{Epoch: 2, Manifest: []byte("new")}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	refused(t, d, store.Options{Keys: one}, two.IDs()[0].String())
	refused(t, d, store.Options{Keys: two}, one.IDs()[0].String())
	if err := store.Rekey(d.path, both, store.Options{Keys: two, NoSync: true}); err != nil {
		t.Fatal(err)
	}
	refused(t, d, store.Options{Keys: one}, two.IDs()[0].String())
	d.opt.Keys = two // the old one may go now
	if err := useAll(d); err != nil {
		t.Fatal(err)
	}
	if leaks(t, d.path) {
		t.Error("rows can be read")
	}
}

func TestRekeyEncryptsAndDecrypts(t *testing.T) {
	d := sealedDisk(t, store.Options{})
	d.opt.Keys, d.opt.Scope = keys(t, 1), "p"
	if err := store.Rekey(d.path, nil, d.opt); err != nil {
		t.Fatal(err)
	}
	if leaks(t, d.path) {
		t.Error("rows can be read")
	}
	if err := useAll(d); err != nil {
		t.Fatal(err)
	}
	refused(t, d, store.Options{Keys: d.opt.Keys, Scope: "q"}, `"p"`)
	if err := store.Rekey(d.path, d.opt.Keys, store.Options{NoSync: true}); err != nil {
		t.Fatal(err)
	}
	d.opt.Keys = nil
	if err := useAll(d); err != nil || !leaks(t, d.path) {
		t.Fatal("it is not in the clear", err)
	}
}

func TestEncryptedSavepoint(t *testing.T) {
	k := keys(t, 1)
	d := sealedDisk(t, store.Options{Keys: k, Scope: "p"})
	image, err := os.ReadFile(d.savepoint())
	if err != nil {
		t.Fatal(err)
	}
	// It is restored under another scope and another key: it names its own.
	other := newDisk(t, store.Options{Keys: keys(t, 2, 1), Scope: "q"})
	if err := other.Import(t, image); err != nil {
		t.Fatal(err)
	}
	if err := useAll(other); err != nil {
		t.Fatal(err)
	}
	if ids, _ := other.Open(t).(*store.Store).Sealed(); len(ids) != 1 || ids[0] != keys(t, 2).IDs()[0] {
		t.Errorf("encrypted with %v", ids)
	}
	// An encrypted store takes a savepoint in the clear: it is named by a person.
	plain, err := os.ReadFile(sealedDisk(t, store.Options{}).savepoint())
	if err != nil {
		t.Fatal(err)
	}
	third := newDisk(t, store.Options{Keys: k, Scope: "p"})
	if err := third.Import(t, plain); err != nil {
		t.Fatal(err)
	}
	if leaks(t, third.path) {
		t.Error("rows can be read")
	}
	for i := 20; i < len(image); i += 37 {
		bad := bytes.Clone(image)
		bad[i] ^= 4
		if _, err := store.ReadSavepoint(bytes.NewReader(bad), store.SavepointSink{Keys: k}); err == nil {
			t.Errorf("byte %d can be changed", i)
		}
	}
}
