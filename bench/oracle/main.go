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
	"path"
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
	// kills is how often the process of each query is killed; 0 runs it in this process.
	kills int
	seed  uint64
	pace  int64 // events in a second of the host's time, of processes that are killed
}

var errDiffers = errors.New("contents differ")

func main() {
	var o options
	var only string
	flag.StringVar(&o.queries, "queries", "", "`file` of the published texts: YAML with ddl and queries, as ../nexmark reads it")
	flag.Int64Var(&o.events, "events", 100_000, "how many events")
	flag.Int64Var(&o.rate, "rate", 10_000, "events in a second of event time: fewer make more windows")
	flag.StringVar(&only, "only", "", "compare these queries alone: q3,q5")
	flag.IntVar(&o.kills, "kills", 0, "run each query as a process of edgeflow and kill it so often on the way; the patterns too, beside a run without kills")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the moments of kills")
	flag.Int64Var(&o.pace, "pace", 200_000, "events a second that a process to be killed reads at the most")
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
func run(w io.Writer, o options) (err error) {
	if _, err := os.Stat(o.queries); o.queries == "" || errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(w, "skipped: the published query texts are not part of the repository: name their file with --queries (%q is none)\n", o.queries)
		return nil
	}
	if o.events < 1 || o.rate < 1 {
		return fmt.Errorf("--events and --rate are at least 1, not %d and %d", o.events, o.rate)
	}
	if o.kills < 0 || o.kills > 0 && (o.events < killEventsMin || o.pace < 1) {
		return fmt.Errorf("--kills is at least 0 and wants --events of %d and --pace of 1 at least", killEventsMin)
	}
	set, err := nexmark.Load(o.queries)
	if err != nil {
		return fmt.Errorf("%s: %w", o.queries, err)
	}
	set.DDL["ddl_gen"] = strings.ReplaceAll(set.DDL["ddl_gen"], "${TPS}", strconv.FormatInt(o.rate, 10))
	names, err := chosen(set, o)
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
	c := &comparison{w: w, db: db, set: set, events: o.events}
	if o.kills > 0 {
		if c.killer, err = newKiller(set, o); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.killer.close()) }()
	}
	bad := 0
	for _, name := range names {
		ok, err := c.query(name)
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

// killEventsMin is how many events there are at least where kills fall among them.
const killEventsMin = 1000

// chosen are the queries to compare: those with an equivalent, with kills the patterns too,
// or those that were asked for.
func chosen(set *nexmark.Set, o options) ([]string, error) {
	var all []string
	for _, name := range set.Names() {
		if _, err := equivalent(name); err == nil || o.kills > 0 {
			all = append(all, name)
		}
	}
	for _, name := range o.only {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("no query %s with an equivalent: there are %s", name, strings.Join(all, ", "))
		}
	}
	if len(o.only) > 0 {
		return o.only, nil
	}
	return all, nil
}

// equivalent is a query in DuckDB's dialect.
func equivalent(name string) (string, error) {
	text, err := equivalents.ReadFile(path.Join("queries", name+".sql"))
	return string(text), err
}

// comparison compares queries, one after the other.
type comparison struct {
	w      io.Writer
	db     *database
	set    *nexmark.Set
	events int64
	killer *killer // nil where nothing is killed
}

// query runs a query on both sides and prints what came out.
func (c *comparison) query(name string) (bool, error) {
	began := time.Now()
	got, note, err := c.engine(name)
	if err != nil {
		return false, fmt.Errorf("engine: %w", err)
	}
	engine := time.Since(began)
	began = time.Now()
	want, by, err := c.reference(name)
	if err != nil {
		return false, fmt.Errorf("%s: %w", by, err)
	}
	if got.columns > 0 && want.columns > 0 && got.columns != want.columns {
		return false, fmt.Errorf("the engine's rows have %d columns, those of %s %d", got.columns, by, want.columns)
	}
	d := compare(got, want)
	if d.equal() {
		fmt.Fprintf(c.w, "%s equal %d rows of %d changes (engine %.1f s, %s %.1f s)%s\n", name, want.rows(), got.changes, engine.Seconds(), by, time.Since(began).Seconds(), note)
		return true, nil
	}
	fmt.Fprintf(c.w, "%s differs: %d rows of the engine, %d of %s; %d only the engine has (+), %d only %s has (-)%s\n",
		name, got.rows(), want.rows(), by, d.extra, d.missing, by, note)
	for _, line := range d.lines {
		fmt.Fprintln(c.w, " ", line)
	}
	return false, nil
}

// engine is what the engine gives, and a note of the kills.
func (c *comparison) engine(name string) (rows *contents, note string, err error) {
	if c.killer == nil {
		rows, err = c.here(name)
		return rows, "", err
	}
	rows, t, err := c.killer.run(name)
	if err != nil {
		return nil, "", err
	}
	return rows, "; " + t.String(), rows.err
}

// here runs a query in this process.
func (c *comparison) here(name string) (*contents, error) {
	rows := newContents()
	if _, err := c.set.Run(name, c.events, rows); err != nil {
		return nil, err
	}
	return rows, rows.err
}

// reference is what the engine is compared with: DuckDB, or for a query without an
// equivalent the engine in this process, undisturbed.
func (c *comparison) reference(name string) (rows *contents, by string, err error) {
	text, err := equivalent(name)
	if err != nil {
		rows, err = c.here(name)
		return rows, "undisturbed", err
	}
	rows, err = c.db.query(text)
	return rows, "DuckDB", err
}
