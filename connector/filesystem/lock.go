package filesystem

import (
	"fmt"
	"os"
	"path/filepath"
)

// Lock takes a lock by a file's name, which is made, until unlock is called or the process dies.
// The error wraps ErrBusy where another has it. Systems without such locks give it to all.
func Lock(path string) (unlock func(), err error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("filesystem: %w", err)
	}
	defer root.Close()
	return lock(root, filepath.Base(path))
}
