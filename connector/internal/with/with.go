// Package with reads the WITH clause of a table: typed values, choices, and refusal of
// keys that nobody knows. It imports dataflow/format and dataflow/plan of the project.
package with

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/nearest"
	"github.com/edgeflow/edgeflow/dataflow/plan"
)

// ErrOption is matched by every *OptionError.
var ErrOption = errors.New("wrong option")

// OptionError names the option of a table that is wrong.
type OptionError struct {
	Key, Value, Problem string
	// Nearest is the known key that the unknown one resembles, or empty.
	Nearest string
}

// Error says which option is wrong and what to do.
func (e *OptionError) Error() string {
	s := "option '" + e.Key + "'"
	if e.Value != "" {
		s += " = '" + e.Value + "'"
	}
	s += ": " + e.Problem
	if e.Nearest != "" {
		s += "; did you mean '" + e.Nearest + "'?"
	}
	return s
}

// Is tells that the error is an ErrOption.
func (e *OptionError) Is(target error) bool { return target == ErrOption }

// foreign are the prefixes of options that belong to formats and to the engine.
var foreign = []string{"json.", "msgpack.", "csv.", "raw.", "key.", "value.", "scan.watermark.", "edgeflow."}

// CheckKeys refuses the first key, in alphabetical order, that is neither known nor
// accepted nor an option of formats or of the engine. accept may be nil.
func CheckKeys(connector string, table map[string]string, known []string, accept func(key string) bool) error {
	keys := make([]string, 0, len(table))
	for k := range table {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		if k == "connector" || k == "format" || k == "changelog-mode" || has(known, k) || accept != nil && accept(k) || belongs(k) {
			continue
		}
		return &OptionError{Key: k, Problem: "the " + connector + " connector does not know it", Nearest: nearest.Name(k, known)}
	}
	return nil
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func belongs(key string) bool {
	for _, p := range foreign {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}

// Reader takes typed values out of a table's options and keeps the first error in Err. The
// targets keep their values where the option is absent.
type Reader struct {
	Table map[string]string
	Err   error
}

// Fail records that an option is wrong.
func (r *Reader) Fail(key, problem string) {
	if r.Err == nil {
		r.Err = &OptionError{Key: key, Value: r.Table[key], Problem: problem}
	}
}

// Int reads a whole number of at least low.
func (r *Reader) Int(key string, p *int64, low int64) {
	v, ok := r.Table[key]
	if !ok {
		return
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	if err != nil || n < low {
		r.Fail(key, fmt.Sprintf("expected a whole number of at least %d", low))
		return
	}
	*p = n
}

// Bool reads true or false.
func (r *Reader) Bool(key string, p *bool) {
	v, ok := r.Table[key]
	if !ok {
		return
	}
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "true":
		*p = true
	case "false":
		*p = false
	default:
		r.Fail(key, "expected 'true' or 'false'")
	}
}

// Text reads a text.
func (r *Reader) Text(key string, p *string) {
	if v, ok := r.Table[key]; ok {
		*p = v
	}
}

// Duration reads a duration such as "10 s".
func (r *Reader) Duration(key string, p *time.Duration) {
	v, ok := r.Table[key]
	if !ok {
		return
	}
	d, err := plan.ParseDuration(v)
	if err != nil || d < 0 {
		r.Fail(key, "expected a duration such as '10 s'")
		return
	}
	*p = d
}

// Time reads a point in time, "2006-01-02 15:04:05" in UTC or with T and offset, as ms
// since 1970.
func (r *Reader) Time(key string, p *int64) {
	v, ok := r.Table[key]
	if !ok {
		return
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02"} {
		if t, err := time.Parse(layout, strings.TrimSpace(v)); err == nil {
			*p = t.UnixMilli()
			return
		}
	}
	r.Fail(key, "expected a time such as '2020-01-01 00:00:00' (UTC)")
}

// Choice reads one of the names, without case, as its index.
func (r *Reader) Choice(key string, p *int, names ...string) {
	v, ok := r.Table[key]
	if !ok {
		return
	}
	for i, n := range names {
		if strings.EqualFold(n, strings.TrimSpace(v)) {
			*p = i
			return
		}
	}
	r.Fail(key, "expected '"+strings.Join(names, "' or '")+"'")
}
