package pipetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExamplesPass(t *testing.T) {
	var out strings.Builder
	ok, err := Main(&out, []string{"../../examples"}, Options{Verbose: true})
	if err != nil || !ok {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.HasSuffix(out.String(), " passed, 0 failed\n") || strings.HasPrefix(out.String(), "0 ") {
		t.Fatalf("summary: %s", out.String())
	}
}

const sample = `name: counts
sql: |
  CREATE TABLE t (k STRING, v INT) WITH ('connector' = 'values');
  CREATE TABLE s (k STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'values');
  INSERT INTO s SELECT k, COUNT(*) FROM t GROUP BY k;
input:
- table: t
  rows:
  - [a, 1]
  - {k: b, v: 2}
- checkpoint: restart
- table: t
  rows:
  - {op: +I, row: [a, 3]}
expect:
- table: s
  final:
  - [a, 3]
  - [b, 1]
---
name: refused
sql: SELECT x FROM nowhere;
expect:
- error: nowhere
---
name: expressions
expressions:
- {sql: "1 + 1", expect: "2", as: text}
- {sql: "UPPER('a')", expect: "B", as: text}
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sample_test.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFailuresAreReportedWithADiff(t *testing.T) {
	var out strings.Builder
	ok, err := Main(&out, []string{write(t, sample)}, Options{Verbose: true})
	if err != nil || ok {
		t.Fatalf("ok %v, err %v", ok, err)
	}
	for _, want := range []string{"FAIL counts", "- [a 3]", "+ +I[a, 2]", "ok refused", "ok expressions #1", "FAIL expressions #2", "2 passed, 2 failed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestUpdateRewritesRowsAlone(t *testing.T) {
	path := write(t, sample)
	var out strings.Builder
	if _, err := Main(&out, []string{path}, Options{Update: true}); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if _, err := Main(&out, []string{path}, Options{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "3 passed, 1 failed") {
		t.Errorf("after an update: %s", out.String())
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), "- [a, 1]") || !strings.Contains(string(text), "name: refused") {
		t.Errorf("the rest of the file changed: %v\n%s", err, text)
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"unknown key": "name: x\nsqll: SELECT 1;\n",
		"not yaml":    "name: [\n",
	} {
		if _, err := Load(write(t, text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Find([]string{t.TempDir()}); err == nil {
		t.Error("an empty folder: no error")
	}
}
