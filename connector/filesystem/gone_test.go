package filesystem

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// watcher is a source of a folder in monitor mode, whose scans the test asks for.
type watcher struct {
	t      *testing.T
	dir    string
	o      Options
	clock  clock
	source *Source
	at     []byte // the position after what was read
}

func watch(t *testing.T, dir string) *watcher {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w := &watcher{t: t, dir: dir}
	w.o = Options{Path: dir, Format: "json", MonitorInterval: time.Second, Now: w.clock.Now}
	w.source, _ = openSource(t, w.o, nil)
	return w
}

// restart opens the source anew at the position that it had.
func (w *watcher) restart() {
	w.t.Helper()
	w.source.Close()
	w.source, _ = openSource(w.t, w.o, w.at)
}

// reads scans, and compares what is read.
func (w *watcher) reads(want string) {
	w.t.Helper()
	w.clock.now = w.clock.now.Add(time.Minute)
	got, at, _ := read(w.t, w.source, 0)
	if strings.Join(got, "") != want {
		w.t.Fatalf("read %q, want %q", got, want)
	}
	if len(at) > 0 {
		w.at = at
	}
}

// dated writes a file with a modification time in minutes.
func (w *watcher) dated(name, text string, minute int64) {
	w.t.Helper()
	write(w.t, w.dir, name, text)
	at := time.Unix(1e9+60*minute, 0)
	if err := os.Chtimes(filepath.Join(w.dir, name), at, at); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watcher) rename(from, to string) {
	w.t.Helper()
	if err := os.Rename(filepath.Join(w.dir, from), filepath.Join(w.dir, to)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watcher) remove(name string) {
	w.t.Helper()
	if err := os.RemoveAll(filepath.Join(w.dir, name)); err != nil {
		w.t.Fatal(err)
	}
}

// TestVolumeThatIsAway takes all files away and brings them back, over restarts and without.
func TestVolumeThatIsAway(t *testing.T) {
	for restarts := range 3 {
		base := t.TempDir()
		w := watch(t, filepath.Join(base, "in"))
		w.dated("a.json", "1\n2\n", 1)
		w.dated("sub/b.json", "3\n", 2)
		w.reads("1\n2\n3\n")
		w.rename("../in", "../volume")
		w.dated("c.json", "4\n", 3) // to the folder that the volume was mounted on
		if restarts > 0 {
			w.restart()
		}
		w.reads("4\n")
		if restarts > 1 {
			w.restart()
		}
		w.remove("")
		w.rename("../volume", "../in")
		appendTo(t, w.dir, "sub/b.json", "5\n")
		w.reads("5\n")
	}
}

// TestRenamed renames files that were read, with lines added before and without, and with others
// in their places.
func TestRenamed(t *testing.T) {
	w := watch(t, t.TempDir())
	w.dated("log", "1\n2\n", 1)
	w.reads("1\n2\n")
	w.rename("log", "log.1")
	w.reads("")
	w.dated("log", "3\n", 2)
	w.reads("3\n")
	appendTo(t, w.dir, "log", "4\n")
	w.rename("log.1", "log.2")
	w.rename("log", "log.1")
	w.dated("log", "5\n", 3)
	w.reads("5\n4\n")
	w.rename("log.1", "log.2") // over what was log.2
	w.rename("log", "log.1")
	w.reads("")
	appendTo(t, w.dir, "log.2", "6\n")
	w.reads("6\n")
	w.rename("log.2", "log.3")
	w.restart()
	w.reads("")
}

// TestRenamedWhileStopped renames a file and puts another in its place between two runs.
func TestRenamedWhileStopped(t *testing.T) {
	w := watch(t, t.TempDir())
	w.dated("log", "1\n2\n", 1)
	w.reads("1\n2\n")
	w.rename("log", "log.1")
	w.dated("log", "3\n", 2)
	w.restart()
	w.reads("3\n")
}

// TestSameContentIsNoRename has new files with the content of others that are gone: they are read.
func TestSameContentIsNoRename(t *testing.T) {
	w := watch(t, t.TempDir())
	for i := range int64(4) {
		w.dated(fmt.Sprint(i), "ok\n", i)
		w.reads("ok\n")
		if i == 2 {
			w.restart()
		}
		w.remove(fmt.Sprint(i))
	}
	w.reads("")
	w.dated("0", "ko\n", 9) // one of the names is used again
	w.reads("ko\n")
}

func TestGoneIsBounded(t *testing.T) {
	s := &Source{known: map[string]*file{}}
	for i := range goneMax + 5 {
		f := &file{name: fmt.Sprint(i), progress: progress{offset: 1}}
		s.gone, s.known[f.name] = append(s.gone, f), f
	}
	s.forget()
	if len(s.gone) != goneMax || len(s.known) != goneMax || s.gone[0].name != "5" {
		t.Errorf("%d and %d files, from %s on", len(s.gone), len(s.known), s.gone[0].name)
	}
}

// TestPositionVersion1 goes on from a position of an older build.
func TestPositionVersion1(t *testing.T) {
	w := watch(t, t.TempDir())
	w.at = []byte{1, 2, 1}
	w.at = append(append(w.at, 1), 'a')
	w.at = append(w.at, 4, 4)
	w.at = binary.LittleEndian.AppendUint64(w.at, hashHead([]byte("1\n2\n")))
	w.dated("a", "1\n2\n3\n", 1)
	w.restart()
	w.reads("3\n")
}

// TestReplacedByOneOfTheSameSize puts another file of the same size in the place of one that was
// read.
func TestReplacedByOneOfTheSameSize(t *testing.T) {
	for _, policy := range []ChangedPolicy{ChangedFail, ChangedReread} {
		w := watch(t, t.TempDir())
		w.source.opt.OnChanged = policy
		w.dated("a", "1\n2\n", 1)
		w.reads("1\n2\n")
		w.remove("a")
		w.dated("a", "3\n4\n", 2)
		if policy == ChangedReread {
			w.reads("3\n4\n")
			continue
		}
		w.clock.now = w.clock.now.Add(time.Minute)
		if m, _, err := w.source.Poll(nil, 1, 0); !errors.Is(err, ErrChanged) {
			t.Errorf("%d messages, %v", len(m), err)
		}
	}
}
