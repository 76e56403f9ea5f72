package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// peerRows are the rows of a run, by key: of the filter the row itself, of the aggregate the
// window's start, customer and network.
type peerRows struct {
	rows map[string]peerValue
	// openEnd tells that the program does not fire the last windows at the end of its input.
	openEnd bool
	// misplaced is the part of all events that may be missing from their windows.
	misplaced float64
}

// peerValue is what the aggregate has for a key; of the filter N counts equal rows.
type peerValue struct {
	N, Errors, RebufferMs, StartupMs, MaxBitrate int64
}

// add adds a value to that of a key.
func (r *peerRows) add(key string, v peerValue) {
	if r.rows == nil {
		r.rows = map[string]peerValue{}
	}
	x := r.rows[key]
	r.rows[key] = peerValue{x.N + v.N, x.Errors + v.Errors, x.RebufferMs + v.RebufferMs, x.StartupMs + v.StartupMs, max(x.MaxBitrate, v.MaxBitrate)}
}

// check compares the rows with those wanted and says what was compared.
func (r *peerRows) check(want *peerRows) (string, error) {
	if len(r.rows) == 0 {
		return "", errors.New("no rows")
	}
	var events, missing, differ int64
	for _, k := range sortedKeys(r.rows) {
		w, ok := want.rows[k]
		if !ok {
			return "", fmt.Errorf("row %s is not expected", k)
		}
		events += w.N
		if w == r.rows[k] {
			continue
		}
		differ++
		missing += max(w.N-r.rows[k].N, r.rows[k].N-w.N)
		if float64(missing) > r.misplaced*float64(events) || w.N == r.rows[k].N {
			return "", fmt.Errorf("row %s: got %+v, want %+v", k, r.rows[k], w)
		}
	}
	note := ""
	if differ > 0 {
		note = fmt.Sprintf(", but %d events of %d are missing in %d of them", missing, events, differ)
	}
	if len(r.rows) == len(want.rows) {
		return fmt.Sprintf("%d, all equal%s", len(r.rows), note), nil
	}
	if !r.openEnd {
		return "", fmt.Errorf("%d rows of %d", len(r.rows), len(want.rows))
	}
	// A key begins with its window; only windows behind all that were fired may be missing.
	last := ""
	for k := range r.rows {
		last = max(last, k[:windowKey])
	}
	for _, k := range sortedKeys(want.rows) {
		if _, ok := r.rows[k]; !ok && k[:windowKey] <= last {
			return "", fmt.Errorf("row %s is missing", k)
		}
	}
	return fmt.Sprintf("%d equal of %d%s; the last windows stay open", len(r.rows), len(want.rows), note), nil
}

// windowKey is the length of a window's start, a Unix time in ms of 13 digits, in a key.
const windowKey = 13

// peerLine is a row of either query as one of the programs writes it.
type peerLine struct {
	EventTime string `json:"event_time"`
	ViewID    string `json:"view_id"`
	Device    string `json:"device"`
	Error     string `json:"error"`
	Customer  string `json:"customer"`
	CDN       string `json:"cdn"`

	// WindowStart is edgeflow's, WS eKuiper's in ms, Window the first 18 characters of the
	// event time, which tell 10 s apart.
	WindowStart string `json:"window_start"`
	WS          int64  `json:"ws"`
	Window      string `json:"window"`

	Views       int64   `json:"view_count"`
	Errors      int64   `json:"errors"`
	RebufferMs  int64   `json:"rebuffer_ms"`
	StartupMs   int64   `json:"startup_ms"`
	MeanStartup float64 `json:"mean_startup"`
	MaxBitrate  int64   `json:"max_bitrate"`
}

// startMs is the start of the row's window.
func (l *peerLine) startMs() (int64, error) {
	text := strings.TrimSuffix(l.WindowStart, "Z")
	switch {
	case l.WS != 0:
		return l.WS, nil
	case l.Window != "":
		text = l.Window + "0"
	}
	t, err := time.Parse("2006-01-02T15:04:05", text)
	return t.UnixMilli(), err
}

// add adds the row to r.
func (l *peerLine) add(r *peerRows, query string) error {
	if query == "filter" {
		t, err := time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(l.EventTime, "Z"))
		if err != nil {
			return err
		}
		at := fmt.Sprintf("%0*d", windowKey, t.UnixMilli())
		r.add(strings.Join([]string{at, l.ViewID, l.Customer, l.CDN, l.Device, l.Error}, "|"), peerValue{N: 1})
		return nil
	}
	ms, err := l.startMs()
	if err != nil {
		return err
	}
	v := peerValue{l.Views, l.Errors, l.RebufferMs, l.StartupMs, l.MaxBitrate}
	if l.MeanStartup != 0 {
		v.StartupMs = int64(math.Round(l.MeanStartup * float64(l.Views))) // a sum of integers, exactly
	}
	r.add(fmt.Sprintf("%0*d|%s|%s", windowKey, ms, l.Customer, l.CDN), v)
	return nil
}

// readPeerRows reads the JSON lines of all files below dir; an array of a line is its rows.
func readPeerRows(query, dir string) (*peerRows, error) {
	r := &peerRows{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") {
			return nil
		}
		return addPeerFile(r, query, path)
	})
	return r, err
}

func addPeerFile(r *peerRows, query, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		b := bytes.TrimSpace(lines.Bytes())
		if len(b) == 0 {
			continue
		}
		if b[0] != '[' {
			b = append(append([]byte{'['}, b...), ']')
		}
		var rows []peerLine
		if err := json.Unmarshal(b, &rows); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for i := range rows {
			if err := rows[i].add(r, query); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	return lines.Err()
}

// edgeflowRows reads the files that edgeflow wrote.
func edgeflowRows(query, out string) (*peerRows, error) { return readPeerRows(query, out) }

// inTime tells whether a beacon is neither late nor ahead of its arrival.
func inTime(data []byte, atMs int64) bool {
	const key = `"event_time":"`
	i := bytes.Index(data, []byte(key))
	if i < 0 {
		return false
	}
	text := data[i+len(key):]
	t, err := time.Parse("2006-01-02T15:04:05.000Z", string(text[:min(24, len(text))]))
	if err != nil {
		return false
	}
	behind := atMs - t.UnixMilli()
	return behind >= 0 && behind <= disorderMs
}

// disorderMs is how far behind the newest event one that is not late may be, less than what
// the programs wait for.
const disorderMs = 3_000

// splitList splits a list of names.
func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// writeLines writes what each puts, a line each.
func writeLines(path string, each func(put func([]byte) error) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	err = each(func(b []byte) error {
		_, _ = w.Write(b) // an error stays until Flush
		return w.WriteByte('\n')
	})
	return errors.Join(err, w.Flush())
}
