package crashtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/store"
)

// audit looks into the state that a pipeline which ended has left: the file and all that is
// in it must hold together, every beacon must have been read once, all that was emitted must
// be at the hub or in the folders, and nothing may lie about.
func (w *world) audit(t *testing.T, data string, r *result) {
	t.Helper()
	folder := filepath.Join(data, "pipelines", w.pipeline.name)
	st, err := store.Open(filepath.Join(folder, "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if err := st.Check(); err != nil {
		t.Errorf("%s: %v", data, err)
	}
	restored, err := st.Load()
	if err != nil {
		t.Fatal(err)
	}
	m, err := dataflow.DecodeManifest(restored.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Sources) != 1 {
		t.Fatalf("%s: %d sources", data, len(m.Sources))
	}
	if l := m.Sources[0].Ledger; l.Read != int64(w.beacons) || l.Read != l.Decoded+l.Undecodable || l.Gap > 0 {
		t.Errorf("%s: of %d beacons %+v", data, w.beacons, l)
	}
	var emitted int64
	for _, o := range m.Outputs {
		emitted += o.Emitted
		if uint64(o.Emitted) != o.Confirmed || o.Dropped > 0 || o.Next != o.Cursor+1 {
			t.Errorf("%s: output %+v", data, o)
		}
	}
	if at := int64(r.messages + r.diverted); emitted != at {
		t.Errorf("%s: %d rows were emitted, %d arrived", data, emitted, at)
	}
	for _, o := range restored.Outboxes {
		if o.Rows != 0 || o.Bytes != 0 {
			t.Errorf("%s: the outbox has %+v", data, o)
		}
	}
	err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		for _, end := range []string{".compact", ".tmp", ".restore", ".rekey"} {
			if err == nil && strings.HasSuffix(path, end) {
				t.Errorf("%s is left over", path)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
