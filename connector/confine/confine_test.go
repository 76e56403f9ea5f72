package confine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// site is a folder with an allowed and a forbidden one in it.
func site(t *testing.T) (allowed, forbidden string, r *Roots) {
	t.Helper()
	dir := t.TempDir()
	allowed, forbidden = filepath.Join(dir, "allowed"), filepath.Join(dir, "forbidden")
	for _, d := range []string{allowed, filepath.Join(allowed, "in"), forbidden} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "f"), []byte(d), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := New(allowed, "")
	if err != nil {
		t.Fatal(err)
	}
	return allowed, forbidden, r
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Skip("no symbolic links here:", err)
	}
}

func TestPathsStayInside(t *testing.T) {
	allowed, forbidden, r := site(t)
	link(t, forbidden, filepath.Join(allowed, "out"))
	link(t, filepath.Join(forbidden, "f"), filepath.Join(allowed, "outfile"))
	link(t, "in", filepath.Join(allowed, "within"))
	for _, p := range []string{"f", "in/f", "in/../f", "within/f"} {
		if _, err := r.ReadFile(filepath.Join(allowed, p)); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
	for _, p := range []string{
		forbidden + "/f", allowed + "/../forbidden/f", allowed + "/out/f", allowed + "/outfile", allowed + "x/f", "/etc/passwd",
	} {
		_, err := r.ReadFile(p)
		if !errors.Is(err, ErrOutside) || !strings.Contains(err.Error(), "--allow-path") || !strings.Contains(err.Error(), allowed) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if _, err := r.ReadFile(filepath.Join(allowed, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := r.With(filepath.Join(forbidden, "f")).ReadFile(filepath.Join(forbidden, "f")); err != nil {
		t.Errorf("a file that a flag names: %v", err)
	}
}

func TestFoldersStayInside(t *testing.T) {
	allowed, forbidden, r := site(t)
	link(t, forbidden, filepath.Join(allowed, "out"))
	d, err := r.OpenDir(filepath.Join(allowed, "new", "one"), true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.WriteFile("x", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(allowed, "new", "one", "x")); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{forbidden, filepath.Join(allowed, "out"), filepath.Join(allowed, "out", "more")} {
		for _, create := range []bool{true, false} {
			if d, err := r.OpenDir(p, create); err == nil {
				d.Close()
				t.Errorf("%s, create %v: it opens", p, create)
			} else if !errors.Is(err, ErrOutside) {
				t.Errorf("%s, create %v: %v", p, create, err)
			}
		}
		if _, err := r.Stat(p); !errors.Is(err, ErrOutside) {
			t.Errorf("stat %s: %v", p, err)
		}
	}
	if entries, _ := os.ReadDir(forbidden); len(entries) != 1 {
		t.Errorf("something was made outside: %v", entries)
	}
	// A link that takes a folder's place after it was opened leads nowhere.
	if err := os.Rename(filepath.Join(allowed, "new"), filepath.Join(allowed, "old")); err != nil {
		t.Fatal(err)
	}
	link(t, forbidden, filepath.Join(allowed, "new"))
	if err := d.WriteFile("y", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(forbidden, "y")); err == nil {
		t.Error("it was written outside")
	}
}

func TestNoRoots(t *testing.T) {
	allowed, _, _ := site(t)
	var none *Roots
	if _, err := none.ReadFile(filepath.Join(allowed, "f")); err != nil {
		t.Error(err)
	}
	d, err := none.OpenDir(filepath.Join(allowed, "a", "b"), true)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
}
