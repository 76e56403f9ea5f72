//go:build linux || darwin || freebsd

package store

import "golang.org/x/sys/unix"

// room is how much a folder's file system has left for us.
func room(dir string) (bytes int64, known bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}
