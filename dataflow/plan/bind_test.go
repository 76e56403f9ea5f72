package plan

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/edgeflow/edgeflow/dataflow/expr"
)

func TestBindExpr(t *testing.T) {
	for _, c := range []struct{ text, typ, want string }{
		{"1 + 2", "INT NOT NULL", "3"},
		{"CHAR_LENGTH('a' || 'b')", "INT NOT NULL", "2"},
		{"INTERVAL '2 10:30' DAY TO MINUTE", "INTERVAL DAY TO MINUTE NOT NULL", "+2 10:30:00.000"},
		{"INTERVAL '1-6' YEAR TO MONTH", "INTERVAL YEAR TO MONTH NOT NULL", "+1-06"},
		{"TIMESTAMP '2020-01-02 03:04:05.678'", "TIMESTAMP(3) NOT NULL", "2020-01-02 03:04:05.678"},
		{"-9223372036854775808", "BIGINT NOT NULL", "-9223372036854775808"},
		{"9223372036854775808", "DECIMAL(19, 0) NOT NULL", "9223372036854775808"},
		{"(1, 'x')", "ROW<`EXPR$0` INT NOT NULL, `EXPR$1` CHAR(1) NOT NULL> NOT NULL", "(1, x)"},
		{"3 BETWEEN SYMMETRIC 5 AND 1", "BOOLEAN NOT NULL", "TRUE"},
		{"2 = SOME (1, 2)", "BOOLEAN NOT NULL", "TRUE"},
		{"(DATE '2020-01-01', INTERVAL '3' DAY) OVERLAPS (DATE '2020-01-03', DATE '2020-01-09')", "BOOLEAN NOT NULL", "TRUE"},
	} {
		n, err := BindExpr(c.text, nil)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := n.Type().String(); got != c.typ {
			t.Errorf("%s is %s, want %s", c.text, got, c.typ)
		}
		d, err := expr.Constant(n, nil)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := string(expr.FormatDatum(nil, d, n.Type(), &expr.Env{})); got != c.want {
			t.Errorf("%s = %s, want %s", c.text, got, c.want)
		}
	}
	for _, text := range []string{"a", "COUNT(*)", "SUM(1)", "1 +", "NOSUCH(1)", "*", "(SELECT 1)", "ROW_NUMBER() OVER ()", "TUMBLE_START(1, 2)"} {
		if n, err := BindExpr(text, nil); err == nil {
			t.Errorf("%s is bound as %s", text, n)
		}
	}
}

// TestConformanceExpressions counts, by file, the expressions that bind.
func TestConformanceExpressions(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(conformanceDir, "scalar", "*_test.yaml"))
	if len(files) == 0 {
		t.Skip("no conformance cases beside the repository")
	}
	type document struct {
		Expressions []struct {
			SQL   string `yaml:"sql"`
			TZ    string `yaml:"tz"`
			Error bool   `yaml:"error"`
		} `yaml:"expressions"`
	}
	bound, total := 0, 0
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		ok, n := 0, 0
		for dec := yaml.NewDecoder(f); ; {
			var doc document
			if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for _, e := range doc.Expressions {
				zone, err := parseZone(e.TZ)
				if err != nil {
					zone = time.UTC
				}
				_, err = BindExpr(e.SQL, &expr.Env{Zone: zone})
				n++
				if err == nil || e.Error {
					ok++
				} else if testing.Verbose() {
					t.Logf("%s: %s", e.SQL, reason(err))
				}
			}
		}
		_ = f.Close()
		t.Logf("%-40s %4d of %4d bind", filepath.Base(file), ok, n)
		bound, total = bound+ok, total+n
	}
	t.Logf("%d of %d bind", bound, total)
}
