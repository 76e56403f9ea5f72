package dataflow

import (
	"reflect"
	"testing"
)

// FuzzDecodeManifest reads arbitrary bytes as the engine's manifest. What is taken for one
// comes back the same.
func FuzzDecodeManifest(f *testing.F) {
	for _, m := range []*Manifest{
		{Version: ManifestVersion},
		{Version: ManifestVersion, Pipeline: "p", SQL: "SELECT 1", NowMs: 5, Sources: []SourceManifest{{ID: "s", Table: "t", Position: []byte("pos")}}, Outputs: []OutputManifest{{Name: "o"}}},
	} {
		b, err := m.MarshalMsg(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0xdf, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeManifest(b)
		if err != nil {
			return
		}
		out, err := m.MarshalMsg(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeManifest(out)
		if err != nil {
			t.Fatalf("%+v does not come back: %v", m, err)
		}
		second, err := again.MarshalMsg(nil)
		if err != nil || !reflect.DeepEqual(out, second) {
			t.Fatalf("%+v became %+v, %v", m, again, err)
		}
	})
}
