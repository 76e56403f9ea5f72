package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/dataflow"
)

// cell is a key in a window, which sum counts and adds up.
type cell struct {
	key     string
	startMs int64
}

type sum struct{ n, total int64 }

// verify checks what follows from the input alone: the filter's rows, and that every event
// is counted in its window, diverted as late, or a dead letter. It returns what is wrong.
func verify(input []entry, got map[string][]string) string {
	want, alerts, letters := map[cell]sum{}, []string(nil), 0
	for i := range input {
		for _, e := range input[i].events {
			switch {
			case e.kind != good:
				letters++
			default:
				c := cell{e.key, e.windowStart()}
				want[c] = sum{want[c].n + 1, want[c].total + e.v}
			}
			if e.kind == good && e.v >= alertFrom {
				alerts = append(alerts, fmt.Sprintf(`{"id":%d,"k":"%s","v":%d}`, e.id, e.key, e.v))
			}
		}
	}
	if !slices.Equal(alerts, got[alertsOut]) {
		return fmt.Sprintf("computed from the input: output %s has %d rows and should have %d, or others", alertsOut, len(got[alertsOut]), len(alerts))
	}
	if n := len(got[dataflow.DeadLetters]); n != letters {
		return fmt.Sprintf("%d dead letters, the input has %d", n, letters)
	}
	have, why := counted(got[countsOut])
	if why == "" {
		why = addLate(have, got[dataflow.LateRows])
	}
	if why != "" {
		return why
	}
	for c, s := range want {
		if have[c] != s {
			return fmt.Sprintf("key %s, window %d: counted or late %v, the input has %v", c.key, c.startMs-epochMs, have[c], s)
		}
	}
	if len(have) != len(want) {
		return fmt.Sprintf("%d keys and windows are counted, the input has %d", len(have), len(want))
	}
	return ""
}

// counted reads the rows of the count.
func counted(rows []string) (map[cell]sum, string) {
	out := map[cell]sum{}
	for _, line := range rows {
		var r struct {
			K           string
			WindowStart string `json:"window_start"`
			WindowEnd   string `json:"window_end"`
			N, Total    int64
		}
		err := json.Unmarshal([]byte(line), &r)
		start, terr := parseTime(r.WindowStart)
		end, eerr := parseTime(r.WindowEnd)
		if err != nil || terr != nil || eerr != nil || end != start+windowMs || r.N < 1 {
			return nil, fmt.Sprintf("this is no count: %s", line)
		}
		c := cell{r.K, start}
		if _, twice := out[c]; twice {
			return nil, fmt.Sprintf("window fired twice: %s", line)
		}
		out[c] = sum{r.N, r.Total}
	}
	return out, ""
}

// addLate adds late rows to what was counted.
func addLate(have map[cell]sum, rows []string) string {
	for _, line := range rows {
		var r struct{ Columns map[string]string }
		err := json.Unmarshal([]byte(line), &r)
		at, terr := parseTime(r.Columns["ts"])
		var v int64
		_, verr := fmt.Sscan(r.Columns["v"], &v)
		if err != nil || terr != nil || verr != nil {
			return fmt.Sprintf("a late row cannot be read: %s", line)
		}
		c := cell{r.Columns["k"], at - at%windowMs}
		have[c] = sum{have[c].n + 1, have[c].total + v}
	}
	return ""
}

func parseTime(s string) (int64, error) {
	t, err := time.Parse("2006-01-02 15:04:05", strings.Replace(s, "T", " ", 1))
	return t.UnixMilli(), err
}
