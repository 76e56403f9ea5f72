package filesystem

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/edgeflow/edgeflow/connector/confine"
	"github.com/edgeflow/edgeflow/dataflow/format"
)

// FuzzPosition reads arbitrary bytes as a source's position.
func FuzzPosition(f *testing.F) {
	f.Add(appendProgress([]byte{positionVersion, 3, 1, 0}, "a.json", progress{offset: 30, headLen: 30, headHash: 7}))
	f.Add([]byte{positionVersion, 0, 0, 0})
	f.Add([]byte{1, 0, 0})
	f.Add([]byte{positionVersion, 1, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, files, gone, err := decodePosition(b)
		if gone > len(files) {
			t.Fatalf("%d of %d files are gone", gone, len(files))
		}
		for _, p := range files {
			if err == nil && (p.offset < 0 || p.headLen < 0 || p.headLen > headBytes) {
				t.Fatalf("%+v", p)
			}
		}
	})
}

// FuzzManifest puts arbitrary bytes where a sink finds its manifest. Whatever they are,
// nothing changes outside of the sink's folder.
func FuzzManifest(f *testing.F) {
	const subject = "cursor.p.i.out"
	for _, m := range []manifest{
		{Version: manifestVersion, Subject: subject, Place: 3, Cursor: []byte("c"), Ended: []part{{Hidden: ".part-x", Folder: "dt=1", Name: "part-1.json"}}},
		{Version: manifestVersion, Subject: subject, Place: 1, Ended: []part{{Hidden: "../../outside/f", Name: "../../outside/g"}}},
		{Version: manifestVersion, Subject: subject, Place: 1, Ended: []part{{Hidden: ".part-x", Folder: "../../outside", Name: "g"}}},
		{Version: manifestVersion, Subject: subject, Place: 1, Complete: []string{"../../outside"}, Open: []part{{Hidden: ".part-y", Name: "y"}}},
		{Version: 1, Subject: subject, Place: 1, Pending: ".part-x", Part: "x"},
	} {
		b, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		in, out := filepath.Join(dir, "in", "rows"), filepath.Join(dir, "outside")
		for _, d := range []string{in, out} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{filepath.Join(out, "f"), filepath.Join(in, ".part-x")} {
			if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(in, manifestName(subject)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		roots, err := confine.New(filepath.Join(dir, "in"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewSink(Options{Path: in, Format: "json", Roots: roots, Partitions: Partitions{SuccessFile: "_SUCCESS"}}, format.Framing{Separator: []byte("\n")})
		if err != nil {
			t.Fatal(err)
		}
		_, _, _ = s.ReadCursor(context.Background(), subject)
		left, err := os.ReadDir(out)
		if err != nil || len(left) != 1 || left[0].Name() != "f" {
			t.Fatalf("outside there is %v, %v", left, err)
		}
		if all, err := os.ReadDir(dir); err != nil || len(all) != 2 {
			t.Fatalf("beside the folder there is %v, %v", all, err)
		}
	})
}
