package plan

import (
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/sql"
)

var testConnectors = map[string]Connector{
	"log": {Source: true, Sink: true, Options: []string{"log.stream", "log.fields.*"}, Metadata: []string{"sequence", "header.*"},
		SinkMode: func(*Table) ChangelogMode { return AppendOnly }},
	"feed":  {Source: true, Options: []string{}},
	"paper": {Sink: true, AtLeastOnce: true},
}

func TestConnectors(t *testing.T) {
	good := `CREATE TABLE a (x INT, s BIGINT METADATA FROM 'sequence', h STRING METADATA FROM 'header.id')
		WITH ('connector' = 'log', 'log.stream' = 'S', 'log.fields.x' = '1', 'format' = 'json', 'json.ignore-parse-errors' = 'true', 'edgeflow.watermark.by-timeout' = '1 min');
		CREATE TABLE p (x INT) WITH ('connector' = 'paper', 'anything' = 'goes');
		INSERT INTO p SELECT x FROM a;`
	p := mustBuild(t, good, Options{Connectors: testConnectors})
	if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0].Text, "at-least-once") {
		t.Errorf("warnings: %v", p.Warnings)
	}
	for text, want := range map[string]string{
		"CREATE TABLE a (x INT) WITH ('connector' = 'logg')":                                         "did you mean log",
		"CREATE TABLE a (x INT)":                                                                     "no option 'connector'",
		"CREATE TABLE a (x INT) WITH ('connector' = 'log', 'log.steam' = 'S')":                       "did you mean log.stream",
		"CREATE TABLE a (x INT) WITH ('connector' = 'log', 'json.x' = 'S')":                          "has no option 'json.x'",
		"CREATE TABLE a (x INT METADATA FROM 'seqence') WITH ('connector' = 'log')":                  "did you mean sequence",
		"CREATE TABLE a (x INT) WITH ('connector' = 'feed'); INSERT INTO a VALUES (1)":               "cannot be written to",
		"CREATE TABLE a (x INT) WITH ('connector' = 'paper'); SELECT * FROM a":                       "cannot be read from",
		"CREATE TABLE a (x INT) WITH ('connector' = 'log'); INSERT INTO a SELECT COUNT(*) FROM a":    "INT",
		"CREATE TABLE a (x BIGINT) WITH ('connector' = 'log'); INSERT INTO a SELECT COUNT(*) FROM a": "takes row kinds I only",
	} {
		script, err := sql.Parse("q.sql", text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		_, err = Build(script, Options{Connectors: testConnectors})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
