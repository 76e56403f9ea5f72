package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/agent/pipetest"
	"github.com/edgeflow/edgeflow/dataflow"
)

const (
	// slotMs is the arrival time from step to step of a test.
	slotMs = 200
	// testRowsMax bounds the rows of a test: it is to be read by people.
	testRowsMax = 100_000
	// differencesShown bounds how many rows that differ are shown.
	differencesShown = 10
)

// test writes a pipeline test whose input are the captured events and whose expectations
// are the rows that the test itself yields, and tells where those are not the replay's.
func (r *run) test(s agent.Script) error {
	switch {
	case len(r.live) > 0:
		return fmt.Errorf("--test: %s: its rows are not in the capture, so that a test cannot hold them", strings.Join(r.live, ", "))
	case exists(r.o.Test):
		return fmt.Errorf("--test %s: the file exists: choose another name", r.o.Test)
	}
	rows, left, err := r.rows()
	if err != nil {
		return fmt.Errorf("--test: %w", err)
	}
	text, err := r.document(s, rows)
	if err != nil {
		return fmt.Errorf("--test: %w", err)
	}
	draft := r.o.Test + ".draft"
	defer os.Remove(draft)
	tables, err := recordDraft(draft, text)
	if err != nil {
		return fmt.Errorf("--test: %w", err)
	}
	if text, err = r.expect(text, tables); err != nil {
		return err
	}
	if err := check(draft, text); err != nil {
		return fmt.Errorf("--test: %w", err)
	}
	if err := os.Rename(draft, r.o.Test); err != nil {
		return err
	}
	fmt.Fprintf(r.o.Messages, "%s: %d rows of input; review it before you keep it\n", r.o.Test, len(rows))
	for _, l := range left {
		fmt.Fprintf(r.o.Messages, "%s: left out: %s\n", r.o.Test, l)
	}
	r.compare(tables)
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// recordDraft writes a test without expectations and returns what its tables hold.
func recordDraft(path string, text []byte) (map[string]*pipetest.Table, error) {
	c, err := load(path, text)
	if err != nil {
		return nil, err
	}
	return pipetest.Record(c)
}

func load(path string, text []byte) (*pipetest.Case, error) {
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return nil, err
	}
	cases, err := pipetest.Load(path)
	if err != nil {
		return nil, err
	}
	if len(cases) != 1 {
		return nil, fmt.Errorf("%s holds %d tests", path, len(cases))
	}
	return cases[0], nil
}

// check runs the finished test: it must pass.
func check(path string, text []byte) error {
	c, err := load(path, text)
	if err != nil {
		return err
	}
	for _, res := range pipetest.Run(c) {
		if res.Err != nil {
			return fmt.Errorf("the test does not pass with its own rows: %w\n%s", res.Err, strings.Join(res.Diff, "\n"))
		}
	}
	return nil
}

// inputRow is a row of a test.
type inputRow struct {
	table     string
	ordinal   int
	arrivalMs int64
	text      []byte // a list of cells as JSON, which is YAML
}

// rows decodes the captured events, in the order of their arrival; left says what of them
// no row stands for.
func (r *run) rows() (rows []inputRow, left []string, err error) {
	ahead := map[place]bool{}
	for _, l := range r.letters[dataflow.DeadLetters].all {
		if l.Class == dataflow.ClassClock {
			ahead[place{l.Source, l.Sequence, l.Row}] = true
		}
	}
	seen := map[string]bool{}
	for ordinal, n := range r.plan.Sources {
		t := n.Table
		if seen[t.Name] {
			continue
		}
		seen[t.Name] = true
		number, err := r.captured(t)
		if err != nil {
			return nil, nil, err
		}
		_, fieldMax := r.plan.Config.Admission(t)
		d, err := newRowDecoder(t, r.env, fieldMax)
		if err != nil {
			return nil, nil, err
		}
		d.ordinal, d.ahead = ordinal, ahead
		got, err := d.all(r.path, r.o.Keys, number)
		if err != nil {
			return nil, nil, fmt.Errorf("table %s: %w", t.Name, err)
		}
		if rows = append(rows, got...); len(rows) > testRowsMax {
			return nil, nil, fmt.Errorf("more than %d rows are too many for a test: capture less", testRowsMax)
		}
		if d.bad > 0 {
			left = append(left, fmt.Sprintf("%d events of %s that cannot be decoded", d.bad, t.Name))
		}
		if d.skipped > 0 {
			left = append(left, fmt.Sprintf("%d events of %s whose clock is ahead: in a test no clock is", d.skipped, t.Name))
		}
	}
	slices.SortStableFunc(rows, func(a, b inputRow) int {
		if a.arrivalMs != b.arrivalMs {
			return int(min(max(a.arrivalMs-b.arrivalMs, -1), 1))
		}
		return a.ordinal - b.ordinal
	})
	return rows, left, nil
}

// document writes the test without its expectations.
func (r *run) document(s agent.Script, rows []inputRow) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Made of a capture by `edgeflow replay --test`.\nname: %s\n", quoted(fmt.Sprintf("%s: replay of %s", r.plan.Config.Name, filepath.Base(r.path))))
	file, err := relative(r.o.Test, s.File)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "file: %s\n", quoted(file))
	if r.failed() {
		b.WriteString("set: {edgeflow.on-row-error: dead-letter}\n")
	}
	b.WriteString("input:\n")
	if len(rows) == 0 {
		return nil, errors.New("the capture has no rows")
	}
	first, now := rows[0].arrivalMs/slotMs, int64(0)
	for i := 0; i < len(rows); {
		at := (rows[i].arrivalMs/slotMs - first) * slotMs
		if at > now {
			fmt.Fprintf(&b, "- arrive_after: %d ms\n", at-now)
			now = at
		}
		fmt.Fprintf(&b, "- table: %s\n  rows:\n", quoted(rows[i].table))
		for j := i; i < len(rows) && rows[i].table == rows[j].table && rows[i].arrivalMs/slotMs == rows[j].arrivalMs/slotMs; i++ {
			fmt.Fprintf(&b, "  - %s\n", rows[i].text)
		}
		now += slotMs
	}
	if r.o.Open {
		b.WriteString("end: open\n")
	}
	return b.Bytes(), nil
}

// failed tells whether rows could not be computed, which fails a test by itself.
func (r *run) failed() bool {
	return slices.ContainsFunc(r.letters[dataflow.DeadLetters].all, func(l dataflow.Letter) bool { return l.Class == dataflow.ClassCompute })
}

func quoted(s string) string { return string(asJSON(s)) }

// asJSON is a value as JSON on one line, which is YAML too.
func asJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return []byte("null") // no value made here fails
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// relative is the path of a file as seen from the folder of another one.
func relative(from, to string) (string, error) {
	dir, err := filepath.Abs(filepath.Dir(from))
	if err != nil {
		return "", err
	}
	file, err := filepath.Abs(to)
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(dir, file)
	return filepath.ToSlash(rel), err
}

// expect appends what the tables hold.
func (r *run) expect(text []byte, tables map[string]*pipetest.Table) ([]byte, error) {
	b := bytes.NewBuffer(text)
	b.WriteString("expect:\n")
	for _, name := range r.order {
		rows := tables[name].Rows()
		fmt.Fprintf(b, "- table: %s\n  final:", quoted(name))
		if len(rows) == 0 {
			b.WriteString(" []\n")
			continue
		}
		b.WriteByte('\n')
		for _, row := range rows {
			fmt.Fprintf(b, "  - %s\n", asJSON(row))
		}
	}
	return b.Bytes(), nil
}

// compare tells where the test's rows are not the replay's.
func (r *run) compare(tables map[string]*pipetest.Table) {
	for _, name := range r.order {
		missing, extra := difference(r.tables[name].Final(), tables[name].Final())
		if len(missing)+len(extra) == 0 {
			continue
		}
		fmt.Fprintf(r.o.Messages, "%s: table %s is not the replay's, - where only the replay has a row, + where only the test does; a test knows neither dates of arrival\n"+
			"nor events that are not in it:\n", r.o.Test, name)
		for _, m := range missing[:min(len(missing), differencesShown)] {
			fmt.Fprintf(r.o.Messages, "  - %s\n", m)
		}
		for _, e := range extra[:min(len(extra), differencesShown)] {
			fmt.Fprintf(r.o.Messages, "  + %s\n", e)
		}
		fmt.Fprintf(r.o.Messages, "  %d and %d rows\n", len(missing), len(extra))
	}
}

// difference is what only a has and what only b has, as multisets.
func difference(a, b []string) (onlyA, onlyB []string) {
	n := map[string]int{}
	for _, x := range b {
		n[x]++
	}
	for _, x := range a {
		if n[x] > 0 {
			n[x]--
		} else {
			onlyA = append(onlyA, x)
		}
	}
	for _, x := range b {
		if n[x] > 0 {
			n[x]--
			onlyB = append(onlyB, x)
		}
	}
	return onlyA, onlyB
}

// latest keeps arrival time from going back.
type latest int64

func (l *latest) of(ms int64) int64 {
	*l = max(*l, latest(ms))
	return int64(*l)
}

const never = latest(math.MinInt64)
