package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ResetState makes the next Open of path begin with empty state: it renames the
// file, if there is one, and removes the mark of a damaged one. It returns the
// new name, empty when there was no file. It fails with ErrLocked while another
// process has the file open.
func ResetState(path string, options Options) (movedTo string, err error) {
	o, err := options.withDefaults()
	if err != nil {
		return "", err
	}
	_, err = o.FS.Stat(path)
	switch {
	case err == nil:
		var d *damage
		if err := precheck(o, path); err != nil && !errors.As(err, &d) {
			return "", err
		}
		movedTo = asidePath(o, path, "reset")
		if err := o.FS.Rename(path, movedTo); err != nil {
			return "", fmt.Errorf("store: %w", err)
		}
	case !errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("store: %w", err)
	}
	return movedTo, clearMark(o, path)
}

func clearMark(o Options, path string) error {
	if err := o.FS.Remove(markPath(path)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("store: %w", err)
	}
	return o.FS.SyncDir(filepath.Dir(path))
}
