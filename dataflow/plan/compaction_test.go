package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/sql"
)

const compactSQL = `CREATE TABLE b (region STRING, ms INT, v DECIMAL(10,2), ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='nats','format'='json');
CREATE TABLE o (%s) WITH ('connector'='nats','format'='json'%s);
INSERT INTO o SELECT %s FROM TABLE(%s) GROUP BY region, window_start, window_end%s;`

const secondWindows = `TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '1' SECOND)`

func compactPlan(t *testing.T, columns, option, items, window, having string) (*Plan, error) {
	t.Helper()
	script, err := sql.Parse("p.sql", fmt.Sprintf(compactSQL, columns, option, items, window, having))
	if err != nil {
		t.Fatal(err)
	}
	return Build(script, Options{})
}

func TestCompaction(t *testing.T) {
	const columns, items = "we TIMESTAMP(3), region STRING, n BIGINT, s INT, site STRING, ws TIMESTAMP(3)", "window_end, region, COUNT(*) FILTER (WHERE ms > 3), SUM(ms), 'here', window_start"
	p, err := compactPlan(t, columns, ",'edgeflow.outbox.compact'='1 min, 1 h'", items, secondWindows, "")
	if err != nil {
		t.Fatal(err)
	}
	c := p.Sinks[0].Compaction
	if c == nil || fmt.Sprint(c.Start, c.End, c.Time, c.Keys, c.Merge, c.Widths) != "5 0 -1 [1 4] [2 3] [1m0s 1h0m0s]" {
		t.Fatalf("%+v", c)
	}
	if text := sinkText(p.Sinks[0]); !strings.Contains(text, "when crowded merged into 1 min, 1 h by region, site") {
		t.Error(text)
	}
	for name, q := range map[string]struct{ columns, widths, items, window, having, want string }{
		"average":        {"we TIMESTAMP(3), a INT", "1 min", "window_end, AVG(ms)", secondWindows, "", "column a is AVG(ms); only COUNT, SUM, MIN and MAX"},
		"distinct":       {"we TIMESTAMP(3), a BIGINT", "1 min", "window_end, COUNT(DISTINCT ms)", secondWindows, "", "without DISTINCT"},
		"computed":       {"we TIMESTAMP(3), a INT", "1 min", "window_end, SUM(ms) + 1", secondWindows, "", "column a is computed from results"},
		"converted":      {"we TIMESTAMP(3), a DOUBLE", "1 min", "window_end, SUM(ms)", secondWindows, "", "column a is computed from results, or converted"},
		"text":           {"we TIMESTAMP(3), a STRING", "1 min", "window_end, MAX(region)", secondWindows, "", "column a is MAX(region) over values without a fixed length"},
		"having":         {"we TIMESTAMP(3), a INT", "1 min", "window_end, SUM(ms)", secondWindows, " HAVING COUNT(*) > 1", "HAVING"},
		"no end":         {"ws TIMESTAMP(3), a INT", "1 min", "window_start, SUM(ms)", secondWindows, "", "no column with the window's end"},
		"hop":            {"we TIMESTAMP(3), a INT", "1 min", "window_end, SUM(ms)", "HOP(TABLE b, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '2' SECOND)", "", "only results of TUMBLE windows"},
		"offset":         {"we TIMESTAMP(3), a INT", "1 min", "window_end, SUM(ms)", "TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '1' SECOND)", "", "do not fill one of 1 min"},
		"same width":     {"we TIMESTAMP(3), a INT", "1 s", "window_end, SUM(ms)", secondWindows, "", "windows of 1 s do not fill one of 1 s"},
		"no multiple":    {"we TIMESTAMP(3), a INT", "1 min", "window_end, SUM(ms)", "TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '7' SECOND)", "", "windows of 7 s do not fill"},
		"primary key":    {"we TIMESTAMP(3), a INT, PRIMARY KEY (we) NOT ENFORCED", "1 min", "window_end, SUM(ms)", secondWindows, "", "PRIMARY KEY"},
		"metadata":       {"we TIMESTAMP(3), a INT, subject STRING METADATA", "1 min", "window_end, SUM(ms), region", secondWindows, "", "metadata columns or partitions"},
		"not ascending":  {"we TIMESTAMP(3), a INT", "1 h, 1 min", "window_end, SUM(ms)", secondWindows, "", "1 h does not divide 1 min"},
		"no duration":    {"we TIMESTAMP(3), a INT", "often", "window_end, SUM(ms)", secondWindows, "", `"often" is no duration`},
		"no millisecond": {"we TIMESTAMP(3), a INT", "10 us", "window_end, SUM(ms)", secondWindows, "", "expected whole milliseconds"},
	} {
		if _, err := compactPlan(t, q.columns, ",'edgeflow.outbox.compact'='"+q.widths+"'", q.items, q.window, q.having); err == nil || !strings.Contains(err.Error(), q.want) {
			t.Errorf("%s: %v, want %q", name, err, q.want)
		}
	}
}

// TestCompactionOfAPipeline: what the pipeline asks for and a table cannot do is a warning.
func TestCompactionOfAPipeline(t *testing.T) {
	text := "SET 'edgeflow.outbox.compact' = '1 min';\n" + fmt.Sprintf(compactSQL, "we TIMESTAMP(3), a INT", "", "window_end, AVG(ms)", secondWindows, "")
	script, err := sql.Parse("p.sql", text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Build(script, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Sinks[0].Compaction != nil || len(p.Warnings) == 0 || !strings.Contains(fmt.Sprint(p.Warnings), "rows of table o are not merged by 'edgeflow.outbox.compact': column a is AVG(ms)") {
		t.Errorf("%+v %v", p.Sinks[0].Compaction, p.Warnings)
	}
}
