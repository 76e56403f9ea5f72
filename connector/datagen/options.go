package datagen

import (
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/connector/internal/with"
)

// DefaultRowsPerSecond is Flink's.
const DefaultRowsPerSecond = 10000

// rowsPerSecondMax keeps row numbers within 64 bits for centuries.
const rowsPerSecondMax = 1e9

// Options configures a generator.
type Options struct {
	// RowsPerSecond paces the rows, 'rows-per-second'.
	RowsPerSecond int64
	// NumberOfRows ends the source, 'number-of-rows'; 0 means no end.
	NumberOfRows int64
	// StartMs is the arrival time of the first row in ms since 1970, 'datagen.start-time';
	// 0 takes the time at which the source is first asked for rows, and keeps it.
	StartMs int64
	// Seed makes another sequence of random values, 'datagen.seed'.
	Seed int64
	// Fields says how fields are made, by name; a member of a nested field by its path
	// ("row.member", "array.element", "map.key", "map.value").
	Fields map[string]FieldOptions
}

// FieldOptions are the 'fields.NAME.*' of one field. Texts are as written and empty when
// absent; New reads them as the field's type asks.
type FieldOptions struct {
	// Kind is "random" or "sequence".
	Kind string
	// Min and Max bound random numbers; Start and End a sequence.
	Min, Max, Start, End string
	// Length is that of texts, binaries and collections; VarLen makes texts and binaries
	// of 1 to Length.
	Length int64
	VarLen bool
	// MaxPast is how far before the row's arrival a random timestamp may lie.
	MaxPast time.Duration
	// NullRate is the share of NULLs, 0 to 1.
	NullRate float64

	set map[string]bool // attributes written
}

var (
	keys       = []string{"rows-per-second", "number-of-rows", "datagen.start-time", "datagen.seed", "scan.parallelism"}
	attributes = []string{"kind", "min", "max", "start", "end", "length", "var-len", "max-past", "null-rate"}
)

// splitField splits "fields.a.b.min" into "a.b" and "min".
func splitField(key string) (field, attr string, ok bool) {
	rest, ok := strings.CutPrefix(key, "fields.")
	i := strings.LastIndexByte(rest, '.')
	if !ok || i <= 0 {
		return "", "", false
	}
	return rest[:i], rest[i+1:], true
}

// ParseOptions reads a table's options. New checks those of fields against the columns.
func ParseOptions(table map[string]string) (Options, error) {
	o := Options{RowsPerSecond: DefaultRowsPerSecond, Fields: map[string]FieldOptions{}}
	known := append([]string(nil), keys...)
	var fieldKeys []string
	for k := range table {
		if field, _, ok := splitField(k); ok {
			fieldKeys = append(fieldKeys, k)
			for _, a := range attributes {
				known = append(known, "fields."+field+"."+a)
			}
		}
	}
	sort.Strings(fieldKeys)
	if err := with.CheckKeys("datagen", table, known, nil); err != nil {
		return o, err
	}
	r := with.Reader{Table: table}
	r.Int("rows-per-second", &o.RowsPerSecond, 1)
	r.Int("number-of-rows", &o.NumberOfRows, 0)
	r.Time("datagen.start-time", &o.StartMs)
	r.Int("datagen.seed", &o.Seed, -1<<63)
	if _, ok := table["number-of-rows"]; ok && o.NumberOfRows == 0 {
		r.Fail("number-of-rows", "expected at least 1; leave it out for rows without end")
	}
	for _, k := range fieldKeys {
		field, attr, _ := splitField(k)
		f := o.Fields[field]
		f.read(&r, k, attr)
		o.Fields[field] = f
	}
	return o, r.Err
}

func (f *FieldOptions) read(r *with.Reader, key, attr string) {
	if f.set == nil {
		f.set = map[string]bool{}
	}
	f.set[attr] = true
	switch attr {
	case "kind":
		n := 0
		r.Choice(key, &n, "random", "sequence")
		f.Kind = []string{"random", "sequence"}[n]
	case "min":
		r.Text(key, &f.Min)
	case "max":
		r.Text(key, &f.Max)
	case "start":
		r.Text(key, &f.Start)
	case "end":
		r.Text(key, &f.End)
	case "length":
		r.Int(key, &f.Length, 1)
	case "var-len":
		r.Bool(key, &f.VarLen)
	case "max-past":
		r.Duration(key, &f.MaxPast)
	case "null-rate":
		rate, err := strconv.ParseFloat(strings.TrimSpace(r.Table[key]), 64)
		if err != nil || !(rate >= 0 && rate <= 1) {
			r.Fail(key, "expected a number from 0 to 1")
		}
		f.NullRate = rate
	}
}

// Validate reports the first thing wrong with the options.
func (o *Options) Validate() error {
	switch {
	case o.RowsPerSecond < 1:
		return &with.OptionError{Key: "rows-per-second", Problem: "at least one row a second is made"}
	case o.RowsPerSecond > rowsPerSecondMax:
		return &with.OptionError{Key: "rows-per-second", Problem: "at most 1000000000"}
	case o.NumberOfRows < 0:
		return &with.OptionError{Key: "number-of-rows", Problem: "must not be negative"}
	}
	return nil
}
