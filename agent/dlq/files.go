package dlq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/filesystem"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/store"
)

// marksFile holds the marks, a line of JSON each, in the data folder.
const marksFile = "replayed.jsonl"

// lockFile is locked by a replay, in the data folder.
const lockFile = "replayed.lock"

// files are the folders dead-letters and late of each pipeline below a data folder.
type files struct {
	data, dir string
	pipelines []string
	// keys decrypt files that are encrypted.
	keys *store.Keys
}

func openFiles(data string, keys *store.Keys) (*files, error) {
	dir := filepath.Join(data, "pipelines")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--data %s: there is no folder %s: name the data folder of `edgeflow run`, or with --stream a stream of letters", data, dir)
	}
	if err != nil {
		return nil, err
	}
	f := &files{data: data, dir: dir, keys: keys}
	for _, e := range entries {
		if e.IsDir() {
			f.pipelines = append(f.pipelines, e.Name())
		}
	}
	return f, nil
}

func (f *files) name() string { return f.dir }

func (f *files) close() {}

func (f *files) each(ctx context.Context, filter *Filter, fn func(*Entry) error) error {
	if filter.Pipeline != "" && !slices.Contains(f.pipelines, filter.Pipeline) {
		return fmt.Errorf("%s: no pipeline %q here; there are: %s", f.dir, filter.Pipeline, strings.Join(f.pipelines, ", "))
	}
	for _, pipeline := range f.pipelines {
		if filter.Pipeline != "" && pipeline != filter.Pipeline {
			continue
		}
		for _, output := range []string{dataflow.DeadLetters, dataflow.LateRows} {
			if err := f.output(ctx, pipeline, output, fn); err != nil {
				return err
			}
		}
	}
	return nil
}

// output reads the part files of an output, whose names are in the order of their rows.
func (f *files) output(ctx context.Context, pipeline, output string, fn func(*Entry) error) error {
	dir := filepath.Join(f.dir, pipeline, output)
	parts, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p.IsDir() || !strings.HasPrefix(p.Name(), "part-") {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.part(filepath.Join(dir, p.Name()), pipeline, output, fn); err != nil {
			return err
		}
	}
	return nil
}

func (f *files) part(path, pipeline, output string, fn func(*Entry) error) error {
	b, err := os.ReadFile(path) // no larger than what one publish carries
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was among the oldest, and went for a new one
	}
	if err != nil {
		return err
	}
	if b, err = agent.OpenLetters(f.keys, b); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	kind := dataflow.KindDead
	if output == dataflow.LateRows {
		kind = dataflow.KindLate
	}
	n := 0
	for line := range bytes.Lines(b) {
		if n++; len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		e, err := parseEntry(line, pipeline, "", kind)
		if err != nil {
			return fmt.Errorf("%s:%d is no letter: %w", path, n, err)
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

func (f *files) removed(filter *Filter) ([]string, error) {
	var out []string
	for _, pipeline := range f.pipelines {
		if filter.Pipeline != "" && pipeline != filter.Pipeline {
			continue
		}
		for _, output := range []string{dataflow.DeadLetters, dataflow.LateRows} {
			n, err := filesystem.RemovedFrom(filepath.Join(f.dir, pipeline, output), output)
			if err != nil {
				return nil, err
			}
			if n.Files > 0 {
				out = append(out, fmt.Sprintf("%s: the %d oldest letters of %s are gone, in %d files, by edgeflow.dlq.max-bytes or .max-age", pipeline, n.Rows, output, n.Files))
			}
		}
	}
	return out, nil
}

func (f *files) lock() (unlock func(), err error) {
	unlock, err = filesystem.Lock(filepath.Join(f.data, lockFile))
	if errors.Is(err, filesystem.ErrBusy) {
		err = fmt.Errorf("another `edgeflow dlq replay` of %s is under way", f.data)
	}
	return unlock, err
}

func (f *files) marks(_ context.Context, fn func(mark) error) error {
	path := filepath.Join(f.data, marksFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for n := 1; len(b) > 0; n++ {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		if !whole {
			return nil // a write that did not end is none
		}
		b = rest
		var m mark
		if err := json.Unmarshal(line, &m); err != nil {
			return fmt.Errorf("%s:%d is no mark: %w", path, n, err)
		}
		if err := fn(m); err != nil {
			return err
		}
	}
	return nil
}

func (f *files) mark(_ context.Context, m mark) (err error) {
	w, err := os.OpenFile(filepath.Join(f.data, marksFile), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	end, err := wholeLines(w)
	if err != nil {
		return err
	}
	if err := w.Truncate(end); err != nil {
		return err
	}
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if _, err := w.WriteAt(append(line, '\n'), end); err != nil {
		return err
	}
	return w.Sync()
}

// wholeLines is where the last whole line of a file ends.
func wholeLines(f *os.File) (int64, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 4096)
	for end := size; end > 0; {
		from := max(0, end-int64(len(buf)))
		part := buf[:end-from]
		if _, err := f.ReadAt(part, from); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		end = from
	}
	return 0, nil
}
