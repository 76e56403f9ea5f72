package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// The ends of the names of files on the way to the name of the state file.
const (
	createSuffix  = ".new"
	compactSuffix = ".compact"
	restoreSuffix = ".restore"
	rekeySuffix   = ".rekey"
)

// clearLeftovers removes the files that a process which died was making: copies of the state
// and savepoints that never got their names. The caller has the state file locked, so nobody
// is making one now. What cannot be removed only takes room, and is logged.
func clearLeftovers(o Options, path string) {
	names := []string{path + createSuffix, path + compactSuffix, path + restoreSuffix, path + rekeySuffix}
	if o.SavepointDir != "" {
		list, _ := fs.Glob(os.DirFS(o.SavepointDir), "*"+SavepointSuffix+".tmp") // the folder's own name may look like a pattern
		for _, name := range list {
			names = append(names, filepath.Join(o.SavepointDir, name))
		}
	}
	for _, name := range names {
		switch err := o.FS.Remove(name); {
		case err == nil:
			o.Logger.Info("a file that a process left unfinished was removed", "path", name)
		case !errors.Is(err, os.ErrNotExist):
			o.Logger.Warn("a file that a process left unfinished stays", "path", name, "error", err)
		}
	}
}
