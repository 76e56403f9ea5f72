package crashtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// disk is what a recorded process did to the files below a folder: what lasts, and what a
// power failure may lose. It is as strict as POSIX lets a file system be: a write lasts when
// its file was synced after it, a name when its folder was. Folders keep the order of their
// changes; writes that were not synced may be lost each, in part too.
type disk struct {
	root    string
	now     map[string]*node // names as the process sees them
	lasting map[string]*node
	names   []naming // changes of names that may be lost, in order
	cut     int      // calls below the folder whose ends are not known
	state   string   // path of the state file
	// onSync is called after each sync of the state file.
	onSync func() error
	// forget, for a test of the test, leaves out syncs of files with such writes.
	forget func([]write) bool
}

// node is a file or a folder.
type node struct {
	folder bool
	synced []byte
	writes []write // since
	path   string  // while it has one
}

// write is a change of a file: bytes, or a length.
type write struct {
	at   int64
	data []byte
	cut  bool // to length at
}

// naming is a change of names in a folder: to begins to stand for n, from ends to.
type naming struct {
	from, to string
	n        *node
}

// newDisk is a disk on which all that is below a folder lasts.
func newDisk(root string) (*disk, error) {
	d := &disk{root: root, now: map[string]*node{}, lasting: map[string]*node{}}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		n := &node{folder: e.IsDir(), path: path}
		if !n.folder {
			n.synced, err = os.ReadFile(path)
		}
		d.now[path], d.lasting[path] = n, n
		return err
	})
	return d, err
}

// inside tells whether a path is below the root.
func (d *disk) inside(path string) bool { return strings.HasPrefix(path, d.root+"/") }

// relative joins the paths that follow the descriptors of folders, and leaves those out.
func (c call) relative() call {
	switch c.name {
	case "openat", "mkdirat", "unlinkat", "renameat", "renameat2":
	default:
		return c
	}
	join := func(dir, path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(dir, path)
	}
	args := append([]string{join(c.args[0], c.args[1])}, c.args[2:]...)
	if strings.HasPrefix(c.name, "rename") {
		args = []string{args[0], join(args[1], args[2])}
	}
	c.args = args
	return c
}

// take applies a call.
func (d *disk) take(c call) error {
	if c = c.relative(); c.ret == "?" && len(c.args) > 0 && d.inside(c.args[0]) {
		d.cut++
	}
	switch c.name {
	case "openat", "open", "creat":
		return d.open(c)
	case "mkdirat", "mkdir":
		if path := c.args[0]; c.ok && d.inside(path) {
			d.name(naming{to: path, n: &node{folder: true, path: path}})
		}
	case "unlinkat", "unlink":
		if c.ok && d.inside(c.args[0]) {
			d.name(naming{from: c.args[0]})
		}
	case "rename", "renameat", "renameat2":
		from, to := c.args[0], c.args[1]
		if c.ok && d.inside(from) {
			n := d.now[from]
			if n == nil {
				return fmt.Errorf("%s is renamed and was never made", from)
			}
			d.name(naming{from: from, to: to, n: n})
		}
	case "fsync", "fdatasync":
		if c.ok && (d.inside(c.args[0]) || c.args[0] == d.root) {
			return d.sync(c.args[0])
		}
	default:
		return d.write(c)
	}
	return nil
}

func (d *disk) open(c call) error {
	path, flags := c.args[0], ""
	if len(c.args) > 1 {
		flags = c.args[1]
	}
	if !c.ok || !d.inside(path) {
		return nil
	}
	n := d.now[path]
	if strings.Contains(flags, "O_CREAT") && n == nil {
		n = &node{path: path}
		d.name(naming{to: path, n: n})
	}
	if strings.Contains(flags, "O_TRUNC") && n != nil {
		n.writes = append(n.writes, write{cut: true})
	}
	return nil
}

func (d *disk) write(c call) error {
	if len(c.args) < 2 || !d.inside(c.args[0]) {
		return nil
	}
	n := d.now[c.args[0]]
	if n == nil {
		return nil // it has no name any more
	}
	switch c.name {
	case "ftruncate":
		size, err := c.number(1)
		n.writes = append(n.writes, write{at: size, cut: true})
		return err
	case "pwrite64":
		at, err := c.number(3)
		n.writes = append(n.writes, write{at: at, data: []byte(c.args[1])})
		return err
	case "write":
		data := c.args[1]
		if count, err := strconv.Atoi(c.ret); err == nil && count < len(data) {
			data = data[:count]
		}
		n.writes = append(n.writes, write{at: int64(len(n.content(always))), data: []byte(data)})
		return nil
	}
	return fmt.Errorf("%s of %s is not modelled", c.name, c.args[0])
}

// name changes names as the process sees them.
func (d *disk) name(m naming) {
	rename(d.now, m)
	d.names = append(d.names, m)
}

func rename(names map[string]*node, m naming) {
	if m.from != "" {
		delete(names, m.from)
	}
	if m.to != "" {
		names[m.to] = m.n
	}
}

// sync makes a file's content last, or the names in a folder.
func (d *disk) sync(path string) error {
	n := d.now[path]
	switch {
	case path == d.root || n != nil && n.folder:
		d.names = slices.DeleteFunc(d.names, func(m naming) bool {
			here := m.to != "" && filepath.Dir(m.to) == path || m.from != "" && filepath.Dir(m.from) == path
			if here {
				rename(d.lasting, m)
			}
			return here
		})
	case n != nil && (d.forget == nil || !d.forget(n.writes)):
		n.synced, n.writes = n.content(always), nil
	}
	if path == d.state && d.onSync != nil {
		return d.onSync()
	}
	return nil
}

// keep says which blocks, and of which size in bytes, of a write last.
type keep func(w write) (size int, block func(i int) bool)

func always(write) (int, func(int) bool) { return 0, nil }

// content is what a file holds when the unsynced writes last as k says.
func (n *node) content(k keep) []byte {
	out := slices.Clone(n.synced)
	for _, w := range n.writes {
		size, block := k(w)
		if w.cut {
			if block == nil || block(0) {
				out = append(out[:min(len(out), int(w.at))], make([]byte, max(0, int(w.at)-len(out)))...)
			}
			continue
		}
		if size == 0 {
			size = max(1, len(w.data))
		}
		for i, at := 0, 0; at < len(w.data); i, at = i+1, at+size {
			if block != nil && !block(i) {
				continue
			}
			part := w.data[at:min(at+size, len(w.data))]
			if end := int(w.at) + at + len(part); end > len(out) {
				out = append(out, make([]byte, end-len(out))...)
			}
			copy(out[int(w.at)+at:], part)
		}
	}
	return out
}

// loss is one outcome of a power failure.
type loss struct {
	name string
	// names is how many of n changes of names last.
	names func(n int) int
	keep  keep
}

// image writes what a power failure leaves to a folder, and tells it in a few words that are
// the same for the same image.
func (d *disk) image(to string, l loss) (string, error) {
	names := map[string]*node{}
	for path, n := range d.lasting {
		names[path] = n
	}
	for _, m := range d.names[:l.names(len(d.names))] {
		rename(names, m)
	}
	var paths []string
	for path := range names {
		paths = append(paths, path)
	}
	slices.Sort(paths) // folders before what is in them
	sum := ""
	for _, path := range paths {
		into := filepath.Join(to, strings.TrimPrefix(path, d.root))
		var err error
		if n := names[path]; n.folder {
			err = os.Mkdir(into, 0o755)
		} else {
			data := n.content(l.keep)
			sum += fmt.Sprintf("%s %d %x\n", path, len(data), hash(data))
			err = os.WriteFile(into, data, 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // the folder it is in is lost
			return "", err
		}
	}
	return sum, nil
}
