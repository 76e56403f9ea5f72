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

// scan looks for new files and lines, for files that another took the place of and for those
// that are gone. What was read of these is kept: a volume may only be away, and a file may have
// got another name.
func (s *Source) scan() error {
	s.scanned = s.opt.Now()
	dir, err := s.opt.Roots.OpenDir(s.root, false)
	if err != nil {
		return fmt.Errorf("filesystem: %w", err)
	}
	if s.dir != nil {
		s.dir.Close()
	}
	s.dir = dir
	seen, err := s.list()
	if err != nil {
		return fmt.Errorf("filesystem: %w", err)
	}
	back := s.leave(seen)
	var news []*file
	replaced := map[*file]file{}
	for name, info := range seen {
		f := s.known[name]
		if f == nil {
			f = &file{name: name}
			s.known[name] = f
			news = append(news, f)
		}
		s.files = append(s.files, f)
		was := *f
		f.size, f.modMs, f.info = info.Size(), info.ModTime().UnixMilli(), info
		if f.offset == 0 || was.info != nil && f.modMs == f.readMs {
			continue
		}
		switch err := s.verify(f); {
		case err == nil:
			f.readMs = f.modMs
		case errors.Is(err, ErrChanged):
			if !back[f] { // otherwise that it went told already that it is another one
				replaced[f] = was
			}
			f.progress, f.looked = progress{}, 0
			news = append(news, f)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	sort.Slice(s.files, func(i, j int) bool { return s.files[i].name < s.files[j].name })
	s.renamed(news, replaced)
	for f, was := range replaced {
		if f.offset > 0 {
			continue // another file was renamed to its name
		}
		f.progress = was.progress
		if err := s.changed(f); err != nil {
			return err
		}
	}
	s.forget()
	s.encodeOthers()
	s.next, s.waits = 0, 0
	for _, f := range s.files {
		s.waits += f.messages(s.opt.ChunkBytes)
	}
	return nil
}

// one finds the file when the path is one. A link to a file of the same folder is followed.
func (s *Source) one() (map[string]fs.FileInfo, error) {
	info, err := s.dir.Stat(s.single)
	path := filepath.Join(s.root, s.single)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		if l, lerr := s.dir.Lstat(s.single); lerr == nil && l.Mode()&fs.ModeSymlink != 0 {
			return nil, fmt.Errorf("%s is a link that is absolute or leads out of its folder: name the file itself: %w", path, err)
		}
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is neither a file nor a folder of files: %v", path, info.Mode())
	case s.pattern != nil && !s.pattern.MatchString(path):
		return nil, nil
	}
	return map[string]fs.FileInfo{s.single: info}, nil
}

// list finds the files.
func (s *Source) list() (map[string]fs.FileInfo, error) {
	if s.single != "" {
		return s.one()
	}
	seen := map[string]fs.FileInfo{}
	err := fs.WalkDir(s.dir.FS(), ".", func(name string, d fs.DirEntry, err error) error {
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
			if hidden {
				return filepath.SkipDir
			}
			return nil
		}
		if hidden || s.pattern != nil && !s.pattern.MatchString(path) {
			return nil
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return err
		}
		seen[name] = info
		return nil
	})
	return seen, err
}

// changed verifies a file; one that another took the place of is refused or read anew.
func (s *Source) changed(f *file) error {
	if f.offset == 0 {
		return nil
	}
	err := s.verify(f)
	if errors.Is(err, ErrChanged) && s.opt.OnChanged == ChangedReread {
		f.progress, f.looked = progress{}, 0
		s.anew = filepath.Join(s.root, f.name)
		return nil
	}
	return err
}
