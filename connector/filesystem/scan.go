package filesystem

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sort"
)

// verify compares a file with what was read of it.
func (s *Source) verify(f *file) error {
	path := filepath.Join(s.root, f.name)
	if f.size < f.offset {
		return &ChangedError{path, fmt.Sprintf("it has %d bytes, and %d were read", f.size, f.offset)}
	}
	if f.headLen == 0 {
		return nil
	}
	h, err := s.dir.Open(f.name)
	if err != nil {
		return fmt.Errorf("filesystem: %w", err)
	}
	defer h.Close()
	head := make([]byte, f.headLen)
	if _, err := io.ReadFull(h, head); err != nil {
		return fmt.Errorf("filesystem: %s: %w", path, err)
	}
	if hashHead(head) != f.headHash {
		return &ChangedError{path, "it begins differently"}
	}
	return nil
}

// scan looks for files; those gone are forgotten.
func (s *Source) scan() error {
	s.scanned = s.opt.Now()
	seen := map[string]bool{}
	dir, err := s.opt.Roots.OpenDir(s.root, false)
	if err != nil {
		return fmt.Errorf("filesystem: %w", err)
	}
	if s.dir != nil {
		s.dir.Close()
	}
	s.dir = dir
	err = fs.WalkDir(dir.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) && name != "." {
				return nil
			}
			return err
		}
		if name == "." {
			return nil
		}
		name = filepath.FromSlash(name)
		path := filepath.Join(s.root, name)
		hidden := d.Name()[0] == '.' || d.Name()[0] == '_'
		if d.IsDir() {
			if hidden || s.single != "" {
				return filepath.SkipDir
			}
			return nil
		}
		if s.single != "" && name != s.single || s.single == "" && hidden || s.pattern != nil && !s.pattern.MatchString(path) {
			return nil
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return err
		}
		seen[name] = true
		f := s.known[name]
		if f == nil {
			f = &file{name: name}
			s.known[name] = f
		}
		f.size, f.modMs = info.Size(), info.ModTime().UnixMilli()
		return nil
	})
	if err != nil {
		return fmt.Errorf("filesystem: %w", err)
	}
	s.files = s.files[:0]
	for name, f := range s.known {
		switch {
		case seen[name]:
			s.files = append(s.files, f)
		case f != s.cur && f.size >= 0:
			delete(s.known, name)
		}
	}
	sort.Slice(s.files, func(i, j int) bool { return s.files[i].name < s.files[j].name })
	return nil
}

// rescan looks for new files and lines, and for files that another took the place of.
func (s *Source) rescan() error {
	if err := s.scan(); err != nil {
		return err
	}
	for _, f := range s.files {
		if f.size >= f.offset {
			continue
		}
		if err := s.changed(f); err != nil {
			return err
		}
	}
	s.encodeOthers()
	return nil
}

// changed verifies a file; one that another took the place of is refused or read anew.
func (s *Source) changed(f *file) error {
	if f.offset == 0 {
		return nil
	}
	err := s.verify(f)
	if errors.Is(err, ErrChanged) && s.opt.OnChanged == ChangedReread {
		f.progress, f.looked = progress{}, 0
		return nil
	}
	return err
}
