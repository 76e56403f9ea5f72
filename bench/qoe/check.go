package qoe

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/bench/byhand"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Checker takes the rows of a query as they are printed and adds them to Result.
type Checker struct {
	Query  string
	Result byhand.Result
	buf    []byte
}

// Print adds the rows of b.
func (c *Checker) Print(b *vec.Batch) error {
	for k := range b.Rows() {
		i := b.Row(k)
		col := func(n int) []byte { return b.Cols[n].Bytes(i) }
		num := func(n int) int64 { return b.Cols[n].I64[i] }
		if c.Query == "filter" {
			f := byhand.Failure{TimeMs: num(0) / 1000, ViewID: col(1), Customer: col(2), CDN: col(3), Device: col(4), Error: col(5)}
			c.buf = c.Result.AddFailure(&f, c.buf)
			continue
		}
		c.Result.AddQuality(&byhand.Quality{
			StartMs: num(0) / 1000, EndMs: num(1) / 1000, Customer: string(col(2)), CDN: string(col(3)),
			Views: num(4), Errors: num(5), RebufferMs: num(6), MeanStartup: b.Cols[7].F64[i], MaxBitrate: num(8),
		})
	}
	return nil
}

// Close does nothing.
func (c *Checker) Close() error { return nil }

// Account adds what the ledger says of events that yield no rows.
func Account(r *byhand.Result, l *dataflow.Ledger) {
	for _, s := range l.Sources {
		r.Events += s.Read
	}
	for _, o := range l.Operators {
		r.Late += o.Late
		r.Future += o.Failed
	}
}

// row is a row of either query as the JSON format writes it.
type row struct {
	EventTime string `json:"event_time"`
	ViewID    string `json:"view_id"`
	Device    string `json:"device"`
	Error     string `json:"error"`

	WindowStart string  `json:"window_start"`
	WindowEnd   string  `json:"window_end"`
	Customer    string  `json:"customer"`
	CDN         string  `json:"cdn"`
	Views       int64   `json:"view_count"`
	Errors      int64   `json:"errors"`
	RebufferMs  int64   `json:"rebuffer_ms"`
	MeanStartup float64 `json:"mean_startup"`
	MaxBitrate  int64   `json:"max_bitrate"`
}

// ReadFiles adds the rows of the files that a query wrote below dir, JSON lines with ISO
// timestamps, to r.
func ReadFiles(r *byhand.Result, query, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if err := addLine(r, query, lines.Bytes()); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		return lines.Err()
	})
}

func addLine(r *byhand.Result, query string, line []byte) error {
	var v row
	if err := json.Unmarshal(line, &v); err != nil {
		return err
	}
	if query == "filter" {
		t, err := instant(v.EventTime)
		r.AddFailure(&byhand.Failure{TimeMs: t, ViewID: []byte(v.ViewID), Customer: []byte(v.Customer), CDN: []byte(v.CDN), Device: []byte(v.Device), Error: []byte(v.Error)}, nil)
		return err
	}
	start, err := instant(v.WindowStart)
	if err != nil {
		return err
	}
	end, err := instant(v.WindowEnd)
	r.AddQuality(&byhand.Quality{StartMs: start, EndMs: end, Customer: v.Customer, CDN: v.CDN, Views: v.Views, Errors: v.Errors,
		RebufferMs: v.RebufferMs, MeanStartup: v.MeanStartup, MaxBitrate: v.MaxBitrate})
	return err
}

// instant reads an ISO timestamp with or without a zone, in ms since 1970.
func instant(s string) (int64, error) {
	t, err := time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(s, "Z"))
	return t.UnixMilli(), err
}
