// Command oracle compares the engine with DuckDB: both get the same Nexmark events, the engine
// runs the published query, DuckDB an equivalent written by hand (folder queries), and the
// rows that the engine's changelog leaves in a table have to be DuckDB's.
//
// Terms: the contents of a table are a multiset of rows, each as text in one notation (see
// text.go); an event's number is its order of arrival, the column n of DuckDB's tables.
//
// Invariants: events come from the connector nexmark with the options of the published DDL,
// so that both sides read the same ones. The order of rows is never compared.
//
// It is a module of its own because DuckDB needs cgo.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/bench/nexmark"
)

// options are the flags.
type options struct {
	queries string // the file of published texts
	events  int64
	rate    int64 // events in a second of event time
	only    []string
}

var errDiffers = errors.New("contents differ")

func main() {
	var o options
	var only string
	flag.StringVar(&o.queries, "queries", "", "`file` of the published texts: YAML with ddl and queries, as ../nexmark reads it")
	flag.Int64Var(&o.events, "events", 100_000, "how many events")
	flag.Int64Var(&o.rate, "rate", 10_000, "events in a second of event time: fewer make more windows")
	flag.StringVar(&only, "only", "", "compare these queries alone: q3,q5")
	flag.Parse()
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	if err := run(os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

// run compares the queries and prints an outcome a line, differences below.
func run(w io.Writer, o options) error {
	if _, err := os.Stat(o.queries); o.queries == "" || errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(w, "skipped: the published query texts are not part of the repository: name their file with --queries (%q is none)\n", o.queries)
		return nil
	}
	if o.events < 1 || o.rate < 1 {
		return fmt.Errorf("--events and --rate are at least 1, not %d and %d", o.events, o.rate)
	}
	set, err := nexmark.Load(o.queries)
	if err != nil {
		return fmt.Errorf("%s: %w", o.queries, err)
	}
	set.DDL["ddl_gen"] = strings.ReplaceAll(set.DDL["ddl_gen"], "${TPS}", strconv.FormatInt(o.rate, 10))
	names, err := chosen(set, o.only)
	if err != nil {
		return err
	}
	db, err := open()
	if err != nil {
		return err
	}
	defer db.close()
	if err := db.load(set, o.events); err != nil {
		return fmt.Errorf("load the events: %w", err)
	}
	bad := 0
	for _, name := range names {
		ok, err := compareQuery(w, db, set, name, o.events)
		if err != nil {
			fmt.Fprintf(w, "%s fails: %v\n", name, err)
		}
		if err != nil || !ok {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%w in %d of %d queries", errDiffers, bad, len(names))
	}
	return nil
}

// chosen are the queries to compare: those with an equivalent, or those that were asked for.
func chosen(set *nexmark.Set, only []string) ([]string, error) {
	var all []string
	for _, name := range set.Names() {
		if _, err := equivalents.ReadFile(filepath.ToSlash(filepath.Join("queries", name+".sql"))); err == nil {
			all = append(all, name)
		}
	}
	for _, name := range only {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("no query %s with an equivalent: there are %s", name, strings.Join(all, ", "))
		}
	}
	if len(only) > 0 {
		return only, nil
	}
	return all, nil
}

// compareQuery runs a query on both sides and prints what came out.
func compareQuery(w io.Writer, db *database, set *nexmark.Set, name string, events int64) (bool, error) {
	equivalent, err := equivalents.ReadFile("queries/" + name + ".sql")
	if err != nil {
		return false, err
	}
	began := time.Now()
	got := newContents()
	if _, err := set.Run(name, events, got); err != nil {
		return false, fmt.Errorf("engine: %w", err)
	}
	if got.err != nil {
		return false, fmt.Errorf("engine: %w", got.err)
	}
	engine := time.Since(began)
	began = time.Now()
	want, err := db.query(string(equivalent))
	if err != nil {
		return false, fmt.Errorf("DuckDB: %w", err)
	}
	if got.columns > 0 && got.columns != want.columns {
		return false, fmt.Errorf("the engine's rows have %d columns, DuckDB's %d", got.columns, want.columns)
	}
	d := compare(got, want)
	if d.equal() {
		fmt.Fprintf(w, "%s equal %d rows of %d changes (engine %.1f s, DuckDB %.1f s)\n", name, want.rows(), got.changes, engine.Seconds(), time.Since(began).Seconds())
		return true, nil
	}
	fmt.Fprintf(w, "%s differs: %d rows of the engine, %d of DuckDB; %d only the engine has (+), %d only DuckDB has (-)\n",
		name, got.rows(), want.rows(), d.extra, d.missing)
	for _, line := range d.lines {
		fmt.Fprintln(w, " ", line)
	}
	return false, nil
}
