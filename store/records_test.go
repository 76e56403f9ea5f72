package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/store"
)

// TestRecords seals the records of files and opens them in every way that is wrong: in another
// order, as another file's, as another kind of file, with a bit changed, without the key.
func TestRecords(t *testing.T) {
	k := keys(t, 1)
	seal := func(scope string) (head []byte, records [][]byte) {
		r, head, err := k.SealRecords(store.LetterFile, scope)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			records = append(records, r.Seal(nil, fmt.Appendf(nil, "record %d", i)))
		}
		return head, records
	}
	open := func(k *store.Keys, kind store.FileKind, head []byte, records [][]byte) error {
		r, err := k.OpenRecords(kind, head)
		if err != nil {
			return err
		}
		for i, sealed := range records {
			plain, err := r.Open(nil, sealed)
			if err != nil {
				return err
			}
			if want := fmt.Sprintf("record %d", i); string(plain) != want {
				t.Fatalf("%q instead of %q", plain, want)
			}
		}
		return nil
	}
	head, records := seal("p")
	if len(records[0]) != len("record 0")+store.RecordOverhead || bytes.Contains(bytes.Join(records, nil), []byte("record")) {
		t.Fatalf("%q", records)
	}
	for _, k := range []*store.Keys{k, keys(t, 2, 1)} {
		if err := open(k, store.LetterFile, head, records); err != nil {
			t.Fatal(err)
		}
	}
	_, others := seal("p")
	for name, err := range map[string]error{
		"another order":  open(k, store.LetterFile, head, [][]byte{records[1], records[0]}),
		"one is missing": open(k, store.LetterFile, head, [][]byte{records[0], records[2]}),
		"another file's": open(k, store.LetterFile, head, others),
		"another kind":   open(k, store.CaptureFile, head, records),
		"another scope":  open(k, store.LetterFile, append(slices.Clone(head[:len(head)-1]), 'q'), records),
	} {
		if !errors.Is(err, store.ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range len(head) * 8 {
		bad := slices.Clone(head)
		bad[i/8] ^= 1 << (i % 8)
		if err := open(k, store.LetterFile, bad, records); err == nil {
			t.Errorf("bit %d of the head changes nothing", i)
		}
	}
	var missing *store.KeyError
	if err := open(nil, store.LetterFile, head, records); !errors.As(err, &missing) || !strings.Contains(err.Error(), "--state-key") {
		t.Error(err)
	}
	if err := open(keys(t, 2), store.LetterFile, head, records); !errors.As(err, &missing) || !strings.Contains(err.Error(), k.IDs()[0].String()) {
		t.Error(err)
	}
	if _, _, err := k.SealRecords(store.LetterFile, strings.Repeat("p", 5000)); err == nil {
		t.Error("a scope without end")
	}
}
