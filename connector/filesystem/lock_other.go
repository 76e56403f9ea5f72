//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package filesystem

import "os"

// lock has nothing to lock with: on these systems an output must have one writer.
func lock(*os.Root, string) (unlock func(), err error) { return func() {}, nil }

// syncDir has nothing to do: directories cannot be synced here.
func syncDir(*os.Root, string) error { return nil }
