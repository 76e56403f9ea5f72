package nexmark

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const script = `CREATE TABLE datagen (a int) WITH ('connector' = 'nexmark', 'events.num' = '1');
CREATE TABLE side_input (key BIGINT) WITH (
  'connector.type' = 'filesystem',
  'connector.path' = 'file://${FLINK_HOME}/data/side_input.txt'
);
CREATE TABLE out (a int) PARTITIONED BY (a) WITH (
  'connector' = 'filesystem',
  'path' = 'file://${NEXMARK_DIR}/data'
);
INSERT INTO out SELECT a FROM datagen;`

func TestOptionsAreReplaced(t *testing.T) {
	got, err := ReadFrom(script, "'connector' = 'x'")
	if err == nil {
		got, err = LookUpIn(got, "'connector' = 'y'")
	}
	if err == nil {
		got, err = InMemory(got)
	}
	want := `CREATE TABLE datagen (a int) WITH ('connector' = 'x');
CREATE TABLE side_input (key BIGINT) WITH ('connector' = 'y');
CREATE TABLE out (a int) PARTITIONED BY (a) WITH ('connector' = 'blackhole');
INSERT INTO out SELECT a FROM datagen;`
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := ReadFrom("SELECT 1;", ""); err == nil {
		t.Error("a script without events is taken")
	}
	if got, err := InMemory("SELECT 1;"); got != "SELECT 1;" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

func TestFileHoldsTheLogsEvents(t *testing.T) {
	if _, err := os.Stat(published); err != nil {
		t.Skip("no published texts beside the checkout")
	}
	set, err := Load(published)
	if err != nil {
		t.Fatal(err)
	}
	log, err := set.Log(3000)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "events.json")
	if err := set.WriteFile(path, 3000); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(lines) != log.Len() {
		t.Fatalf("%d lines of %d events", len(lines), log.Len())
	}
	for i, l := range lines {
		if l != string(log.Message(i)) {
			t.Fatalf("line %d is %s, the message %s", i, l, log.Message(i))
		}
	}
	for _, q := range []string{"q4", "q13"} {
		var fromLog, fromFile Counter
		if _, err := set.Do(Job{Query: q, Log: log, Sink: &fromLog}); err != nil {
			t.Fatal(err)
		}
		r, err := set.Do(Job{Query: q, File: path, Sink: &fromFile})
		if err != nil || fromFile != fromLog || fromFile.Rows() == 0 {
			t.Errorf("%s: rows of the file %v, of the messages %v; %v", q, fromFile, fromLog, err)
		}
		if r.Median <= 0 || r.P99 < r.Median {
			t.Errorf("%s: batches take %v, p99 %v", q, r.Median, r.P99)
		}
	}
}
