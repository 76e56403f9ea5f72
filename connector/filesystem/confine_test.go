package filesystem

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/connector/confine"
	"github.com/edgeflow/edgeflow/dataflow/format"
)

// TestNothingOutsideOfTheRoots reads and writes by names and by links that lead out of the
// folder that is declared.
func TestNothingOutsideOfTheRoots(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	for _, d := range []string{in, out} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, out, "secret.json", `{"a":1}`+"\n")
	write(t, in, "ok.json", `{"a":2}`+"\n")
	roots, err := confine.New(in)
	if err != nil {
		t.Fatal(err)
	}
	links := []string{}
	for name, to := range map[string]string{"folder": out, "file.json": filepath.Join(out, "secret.json")} {
		if err := os.Symlink(to, filepath.Join(in, name)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
		links = append(links, filepath.Join(in, name))
	}
	for _, path := range append(links, out, filepath.Join(out, "secret.json"), in+"/../out", "/etc/passwd") {
		s, err := NewSource(Options{Path: path, Format: "json", Roots: roots})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(context.Background(), nil); !errors.Is(err, confine.ErrOutside) || !strings.Contains(err.Error(), "--allow-path") {
			t.Errorf("read %s: %v", path, err)
		}
		s.Close()
		if path == "/etc/passwd" || strings.HasSuffix(path, ".json") {
			continue
		}
		k, err := NewSink(Options{Path: filepath.Join(path, "new"), Format: "json", Roots: roots}, format.Framing{Separator: []byte("\n")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Check(context.Background()); !errors.Is(err, confine.ErrOutside) {
			t.Errorf("write %s: %v", path, err)
		}
	}
	if entries, _ := os.ReadDir(out); len(entries) != 1 {
		t.Errorf("something was made outside: %v", entries)
	}
	// What lies inside is read, and links are left out as they always are.
	s, _ := openSource(t, Options{Path: in, Format: "json", Roots: roots}, nil)
	msgs, _, _ := read(t, s, 10)
	if len(msgs) != 1 || !strings.Contains(msgs[0], `{"a":2}`) {
		t.Errorf("%q", msgs)
	}
	// A folder that a link takes the place of, while the sink runs, is not followed.
	k, err := NewSink(Options{Path: filepath.Join(in, "rows"), Format: "json", Roots: roots}, format.Framing{Separator: []byte("\n")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Check(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Publish(context.Background(), batch(1, 0, 1, 2)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(in, "rows"), filepath.Join(in, "before")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(out, filepath.Join(in, "rows")); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Publish(context.Background(), batch(1, 1, 3, 4)); !errors.Is(err, confine.ErrOutside) {
		t.Errorf("through a link: %v", err)
	}
	if entries, _ := os.ReadDir(out); len(entries) != 1 {
		t.Errorf("something was made outside: %v", entries)
	}
}
