package store_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/store"
	"github.com/edgeflow/edgeflow/store/storetest"
)

// disk is a folder with a state file.
type disk struct {
	path string
	opt  store.Options
	open *store.Store
}

func (d *disk) Open(t testing.TB) state.Store {
	t.Helper()
	s, err := store.Open(d.path, d.opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	d.open = s
	return s
}

func (d *disk) Kill(t testing.TB) {
	if err := d.open.Close(); err != nil {
		t.Fatal(err)
	}
}

func (d *disk) Import(_ testing.TB, b []byte) error {
	_, err := store.RestoreSavepoint(d.path, bytes.NewReader(b), d.opt)
	return err
}

func newDisk(t testing.TB, o store.Options) *disk {
	o.NoSync = true
	return &disk{path: filepath.Join(t.TempDir(), "state", "pipeline.db"), opt: o}
}

func TestContract(t *testing.T) {
	for name, o := range map[string]store.Options{
		"one transaction":   {},
		"many transactions": {TxBytesMax: 1}, // each page in one of its own
	} {
		t.Run(name, func(t *testing.T) {
			if o.TxBytesMax == 1 {
				o.TxBytesMax = 5_000
			}
			storetest.Run(t, func(t testing.TB) storetest.Disk { return newDisk(t, o) })
		})
	}
}
