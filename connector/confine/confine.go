// Package confine keeps the paths that a pipeline names below folders that the host has
// declared. A path is opened through os.Root, so that neither ".." nor a symbolic link
// leads out of them, whatever happens to the folders meanwhile.
//
// It imports nothing of the project.
package confine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Roots are the folders below which paths may lie. A nil *Roots confines nothing.
type Roots struct {
	dirs  []string // absolute and clean
	files []string
}

// New declares folders. Empty names are left out.
func New(dirs ...string) (*Roots, error) {
	r := &Roots{}
	for _, d := range dirs {
		if d == "" {
			continue
		}
		abs, err := filepath.Abs(d)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d, err)
		}
		if !slices.Contains(r.dirs, abs) {
			r.dirs = append(r.dirs, abs)
		}
	}
	return r, nil
}

// With adds single files, such as those that flags name.
func (r *Roots) With(files ...string) *Roots {
	if r == nil {
		return nil
	}
	out := &Roots{dirs: r.dirs, files: slices.Clone(r.files)}
	for _, f := range files {
		if abs, err := filepath.Abs(f); err == nil && f != "" {
			out.files = append(out.files, abs)
		}
	}
	return out
}

// ErrOutside is returned, wrapped, for a path that no declared folder holds.
var ErrOutside = errors.New("the path lies outside of the folders that pipelines may use")

// refuse says where paths may lie.
func (r *Roots) refuse(path string) error {
	return fmt.Errorf("%s: %w: %s (--allow-path declares others)", path, ErrOutside, strings.Join(r.dirs, ", "))
}

// Check refuses a path that lies outside by its name. It follows no links.
func (r *Roots) Check(path string) error {
	if r == nil {
		return nil
	}
	_, _, err := r.find(path)
	return err
}

// find returns the declared folders that hold a path, the longest first, and the path.
func (r *Roots) find(path string) (dirs []string, abs string, err error) {
	if abs, err = filepath.Abs(path); err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	for _, d := range r.dirs {
		if rel, err := filepath.Rel(d, abs); err == nil && filepath.IsLocal(rel) {
			dirs = append(dirs, d)
		}
	}
	if len(dirs) == 0 {
		return nil, "", r.refuse(path)
	}
	slices.SortFunc(dirs, func(a, b string) int { return len(b) - len(a) })
	return dirs, abs, nil
}

// explain tells an escape by a symbolic link from other errors.
func (r *Roots) explain(path string, err error) error {
	if err == nil || !strings.Contains(err.Error(), "path escapes from parent") {
		return err
	}
	return fmt.Errorf("%w; a symbolic link leads there", r.refuse(path))
}

// each tries fn in every declared folder that holds the path, until one works.
func (r *Roots) each(path string, fn func(root *os.Root, rel string) error) error {
	dirs, abs, err := r.find(path)
	if err != nil {
		return err
	}
	var first error
	for _, d := range dirs {
		err := func() error {
			root, err := os.OpenRoot(d)
			if err != nil {
				return err
			}
			defer root.Close()
			rel, err := filepath.Rel(d, abs)
			if err != nil {
				return err
			}
			return r.explain(path, fn(root, rel))
		}()
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// ReadFile reads a file of at most 64 MiB.
func (r *Roots) ReadFile(path string) (data []byte, err error) {
	if r == nil {
		return os.ReadFile(path)
	}
	if abs, err := filepath.Abs(path); err == nil && slices.Contains(r.files, abs) {
		return os.ReadFile(path)
	}
	err = r.each(path, func(root *os.Root, rel string) error {
		f, err := root.Open(rel)
		if err != nil {
			return err
		}
		defer f.Close()
		const most = 64 << 20
		if data, err = io.ReadAll(io.LimitReader(f, most+1)); err == nil && len(data) > most {
			err = fmt.Errorf("%s: larger than %d bytes", path, most)
		}
		return err
	})
	return data, err
}

// Stat tells what a path is, following links that stay inside.
func (r *Roots) Stat(path string) (info fs.FileInfo, err error) {
	if r == nil {
		return os.Stat(path)
	}
	err = r.each(path, func(root *os.Root, rel string) error {
		info, err = root.Stat(rel)
		return err
	})
	return info, err
}

// OpenDir opens a folder as a root of its own. With create, it is made with the folders
// above it, up to the declared one.
func (r *Roots) OpenDir(path string, create bool) (dir *os.Root, err error) {
	if r == nil {
		if create {
			if err := os.MkdirAll(path, 0o755); err != nil {
				return nil, err
			}
		}
		return os.OpenRoot(path)
	}
	err = r.each(path, func(root *os.Root, rel string) error {
		if create && rel != "." {
			if err := root.MkdirAll(rel, 0o755); err != nil {
				return err
			}
		}
		dir, err = root.OpenRoot(rel)
		return err
	})
	return dir, err
}
