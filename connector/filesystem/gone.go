package filesystem

import (
	"io/fs"
	"os"
	"slices"
)

// goneMax is of how many files that are gone the progress is kept, those that went last.
const goneMax = 10_000

// leave empties s.files: those not seen any more of which something was read go to s.gone. It
// returns those of s.gone that are back.
func (s *Source) leave(seen map[string]fs.FileInfo) (back map[*file]bool) {
	back = map[*file]bool{}
	s.gone = slices.DeleteFunc(s.gone, func(f *file) bool {
		if seen[f.name] != nil {
			back[f] = true
		}
		return back[f]
	})
	for _, f := range s.files {
		switch {
		case seen[f.name] != nil:
		case f.offset > 0:
			s.gone = append(s.gone, f)
		default:
			delete(s.known, f.name)
		}
	}
	s.files = s.files[:0]
	return back
}

// renamed gives new files the progress of those that are gone, or replaced, whose content they
// have. That the head is the same is no proof, for files may all begin with one long header: the
// modification time must be the same too, or the file itself, if it has grown.
func (s *Source) renamed(news []*file, replaced map[*file]file) {
	for _, f := range news {
		is := func(old *file) bool {
			if old.headLen == 0 || f.size < old.offset || (old.readMs == 0 || f.modMs != old.readMs) && (f.size <= old.size || !os.SameFile(old.info, f.info)) {
				return false
			}
			return s.verify(&file{name: f.name, size: f.size, progress: old.progress}) == nil
		}
		if i := slices.IndexFunc(s.gone, is); i >= 0 {
			f.progress = s.gone[i].progress
			delete(s.known, s.gone[i].name)
			s.gone = slices.Delete(s.gone, i, i+1)
			continue
		}
		for by, old := range replaced {
			if is(&old) {
				f.progress = old.progress
				delete(replaced, by)
				break
			}
		}
	}
}

// forget bounds what is kept of files that are gone.
func (s *Source) forget() {
	n := max(0, len(s.gone)-goneMax)
	for _, f := range s.gone[:n] {
		delete(s.known, f.name)
	}
	s.gone = slices.Delete(s.gone, 0, n)
	for _, f := range s.gone {
		f.info = nil // the system may give what told it from others to another file
	}
}
