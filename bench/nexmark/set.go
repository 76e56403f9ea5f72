// Package nexmark runs the queries of the Nexmark benchmark, and its pattern queries, in an
// engine alone: events made by the nexmark connector as rows, or read from JSON, and rows
// counted where a sink would take them. It also makes the scripts for other hosts.
//
// Terms: a set is the file of published texts: the DDL with parameters in ${...}, queries by
// name, patterns by name.
package nexmark

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// Set holds the published texts.
type Set struct {
	DDL      map[string]string `yaml:"ddl"`
	Queries  map[string]string `yaml:"queries"`
	Patterns map[string]string `yaml:"patterns"`
}

// Load reads a set from a file.
func Load(file string) (*Set, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s := &Set{}
	return s, yaml.Unmarshal(text, s)
}

// Names lists the queries, then the patterns under the names "pattern q0" and so on.
func (s *Set) Names() []string {
	var out []string
	for n := range s.Queries {
		out = append(out, n)
	}
	for n := range s.Patterns {
		out = append(out, "pattern "+n)
	}
	slices.SortFunc(out, func(a, b string) int {
		if pa, pb := strings.HasPrefix(a, "pattern "), strings.HasPrefix(b, "pattern "); pa != pb {
			if pb {
				return -1
			}
			return 1
		}
		return number(a) - number(b)
	})
	return out
}

func number(name string) int {
	n, _ := strconv.Atoi(name[strings.LastIndexByte(name, 'q')+1:])
	return n
}

// The SELECT of query 6 that ranks, and the same with the filter on the rank around it: the
// published text filters a rank in the SELECT that defines it.
const (
	rankedAndFiltered = "SELECT *, ROW_NUMBER() OVER (PARTITION BY A.id, A.seller ORDER BY B.price DESC) AS rownum"
	rankedThen        = "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id, seller ORDER BY price DESC) AS rownum"
)

// Script is the pipeline of a query: the DDL, the views and the query, for a number of
// events at a rate of event time.
func (s *Set) Script(name string, events int64) (string, error) {
	text, ok := s.Queries[name]
	if p, is := strings.CutPrefix(name, "pattern "); is {
		text, ok = s.Patterns[p]
	}
	if !ok {
		return "", fmt.Errorf("no query %s: there are %s", name, strings.Join(s.Names(), ", "))
	}
	if name == "q6" {
		text = strings.Replace(text, rankedAndFiltered, rankedThen, 1)
		text = strings.Replace(text, "and A.expires)\n    WHERE", "and A.expires))\n    WHERE", 1)
		text = strings.Replace(text, "and A.expires)\n        WHERE", "and A.expires))\n        WHERE", 1)
	}
	return s.parameters(s.DDL["ddl_gen"]+"\n"+s.DDL["ddl_views"]+"\n"+text, events), nil
}

// parameters fills in the parameters of a text.
func (s *Set) parameters(text string, events int64) string {
	for k, v := range map[string]string{
		"TPS": "10000", "EVENTS_NUM": strconv.FormatInt(events, 10), "PERSON_PROPORTION": "1", "AUCTION_PROPORTION": "3",
		"BID_PROPORTION": "46", "NEXMARK_TABLE": "datagen",
	} {
		text = strings.ReplaceAll(text, "${"+k+"}", v)
	}
	return text
}

// ReadFrom replaces the options of the table of events in a script of Script.
func ReadFrom(script, options string) (string, error) {
	return replaceOptions(script, "'connector' = 'nexmark'", options)
}

// InMemory replaces the options of the sinks that write files by those of a blackhole.
func InMemory(script string) (string, error) {
	if !strings.Contains(script, filesSink) {
		return script, nil
	}
	return replaceOptions(script, filesSink, "'connector' = 'blackhole'")
}

// LookUpIn replaces the options of the table that query 13 looks up in.
func LookUpIn(script, options string) (string, error) {
	if !strings.Contains(script, sideTable) {
		return script, nil
	}
	return replaceOptions(script, sideTable, options)
}

// filesSink and sideTable are options of the sink of query 10 and of the table that query 13
// looks up in.
const (
	filesSink = "'path' = 'file://${NEXMARK_DIR}"
	sideTable = "'connector.type' = 'filesystem'"
)

// replaceOptions replaces the options of the table that has a text among them.
func replaceOptions(script, among, options string) (string, error) {
	at := strings.Index(script, among)
	if at < 0 {
		return "", fmt.Errorf("no table with the option %s", among)
	}
	open, end := strings.LastIndex(script[:at], "WITH ("), strings.Index(script[at:], ");")
	if open < 0 || end < 0 {
		return "", fmt.Errorf("the option %s is not within WITH (...);", among)
	}
	return script[:open] + "WITH (" + options + script[at+end:], nil
}

// SideInput is the file of query 13 below the folder that its text names.
const SideInput = "data/side_input.txt"

// WriteSideInput makes the file of query 13 below a folder: a key and a value a line.
func WriteSideInput(dir string) error {
	var b strings.Builder
	for k := range SideRows {
		fmt.Fprintf(&b, "%d,value-%d\n", k, k)
	}
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "data", "side_input.txt"), []byte(b.String()), 0o644)
}

// SideRows is the number of rows of the side input.
const SideRows = 10_000
