package store

import "syscall"

// room is how much a folder's file system has left for us, bytes.
func room(dir string) (bytes int64, known bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Frsize), true
}
