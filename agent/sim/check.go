package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/edgeflow/edgeflow/agent/wiring"
	"github.com/edgeflow/edgeflow/dataflow"
)

// audit checks a host that has finished: its ledger, its state, its disk.
func (w *world) audit(h *host) error {
	l := h.engine.Ledger()
	if err := wiring.Account(l, h.fwd.Statuses(w.Now()), h.disk); err != nil {
		return err
	}
	if bad := l.Imbalances(); bad != nil {
		return fmt.Errorf("the final ledger does not balance: %v", bad)
	}
	for _, o := range l.Outputs {
		if o.InOutbox != 0 || o.Dropped != 0 {
			return fmt.Errorf("output %s: %d rows in the outbox and %d dropped at the end", o.Name, o.InOutbox, o.Dropped)
		}
	}
	for _, s := range l.Sources {
		want := tally(w.input)
		if s.Read != want.events || s.Undecodable != want.undecodable || s.Messages != int64(len(w.input)) {
			return fmt.Errorf("source %s: read %d events of %d messages, %d undecodable; the input has %d of %d, %d undecodable",
				s.Name, s.Read, s.Messages, s.Undecodable, want.events, len(w.input), want.undecodable)
		}
	}
	if err := h.arena.Check(); err != nil {
		return err
	}
	return h.disk.Check()
}

type totals struct{ events, undecodable int64 }

func tally(input []entry) (t totals) {
	for i := range input {
		for _, e := range input[i].events {
			t.events++
			if e.kind == badField || e.kind == badSyntax {
				t.undecodable++
			}
		}
	}
	return t
}

// contents reads the hub: the rows of each output, which must be there once and in order.
func (w *world) contents() (map[string][]string, error) {
	rows, last := map[string][]string{}, map[string]uint64{}
	for _, m := range w.hub.Messages {
		name := strings.TrimPrefix(m.Subject, subject(""))
		if m.First != last[name]+1 {
			return nil, &Violation{w.seed, fmt.Sprintf("output %s: row %d follows row %d at the hub", name, m.First, last[name])}
		}
		last[name] = m.Last
		lines := strings.Split(m.Data, "\n")
		if uint64(len(lines)) != m.Last-m.First+1 {
			return nil, &Violation{w.seed, fmt.Sprintf("output %s: the message of rows %d to %d has %d", name, m.First, m.Last, len(lines))}
		}
		rows[name] = append(rows[name], lines...)
	}
	return rows, nil
}

// compare says where two hubs differ, or is empty.
func compare(want, got map[string][]string) string {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		a, b := want[name], got[name]
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				return fmt.Sprintf("output %s: row %d is\n  %s\nand without faults\n  %s", name, i+1, b[i], a[i])
			}
		}
		if len(a) != len(b) {
			return fmt.Sprintf("output %s: %d rows, without faults %d", name, len(b), len(a))
		}
	}
	for name := range got {
		if want[name] == nil {
			return fmt.Sprintf("output %s: %d rows, without faults none", name, len(got[name]))
		}
	}
	return ""
}

// part says what a hub has that the other has not, or is empty: each output must be the
// beginning of what it is there.
func part(want, got map[string][]string) string {
	begin := map[string][]string{}
	for name, rows := range got {
		begin[name] = want[name][:min(len(rows), len(want[name]))]
	}
	return compare(begin, got)
}

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
	if why := compare(map[string][]string{alertsOut: alerts}, map[string][]string{alertsOut: got[alertsOut]}); why != "" {
		return "computed from the input: " + why
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
