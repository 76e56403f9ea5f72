package sim

import (
	"encoding/json"
	"fmt"
	"time"
)

// rollupWidths are the windows into which the results of program rollup are merged while they
// wait, in ms, the widest last; those of the program itself come first.
var rollupWidths = [...]int64{250, 1_000, 4_000}

// rollup is a program whose results are merged in a crowded outbox.
const rollup = `
CREATE TABLE rolled (k STRING, window_start TIMESTAMP(3), window_end TIMESTAMP(3), n BIGINT, total BIGINT, low BIGINT, high BIGINT)
WITH ('connector' = 'nats', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601', 'edgeflow.outbox.compact' = '1 s, 4 s');
CREATE TABLE sevenths (id BIGINT, k STRING)` + with + `
EXECUTE STATEMENT SET BEGIN
  INSERT INTO rolled
  SELECT k, window_start, window_end, COUNT(*), SUM(v), MIN(v), MAX(v)
  FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '0.25' SECOND))
  GROUP BY k, window_start, window_end;
  INSERT INTO sevenths SELECT id, k FROM events WHERE MOD(v, 7) = 0;
END;`

// rolled is what rows of one key say of a window.
type rolled struct{ n, total, low, high int64 }

// add adds another row's.
func (r rolled) add(o rolled) rolled {
	if r.n == 0 {
		return o
	}
	return rolled{r.n + o.n, r.total + o.total, min(r.low, o.low), max(r.high, o.high)}
}

// within tells that r is of a part of what o is of.
func (r rolled) within(o rolled) bool {
	return r.n <= o.n && r.total <= o.total && r.low >= o.low && r.high <= o.high
}

// rollUp adds rows up by the widest windows. A row's window must be one of those that there
// are, and a wider one only in a row that stands for several.
func rollUp(rows []row) (map[cell]rolled, string) {
	sums := map[cell]rolled{}
	for _, r := range rows {
		var c struct {
			K                   string
			WindowStart         string `json:"window_start"`
			WindowEnd           string `json:"window_end"`
			N, Total, Low, High int64
		}
		err := json.Unmarshal([]byte(r.text), &c)
		start, serr := parseTime(c.WindowStart)
		end, eerr := parseTime(c.WindowEnd)
		if err != nil || serr != nil || eerr != nil || !windowOf(start, end, r.merged) {
			return nil, fmt.Sprintf("row %d is no result of a window: %s", r.seq, r.text)
		}
		widest := rollupWidths[len(rollupWidths)-1]
		at := cell{c.K, start - start%widest}
		sums[at] = sums[at].add(rolled{c.N, c.Total, c.Low, c.High})
	}
	return sums, ""
}

// windowOf tells that there is such a window.
func windowOf(start, end int64, merged bool) bool {
	for i, width := range rollupWidths {
		if end-start == width {
			return start%width == 0 && merged == (i > 0)
		}
	}
	return false
}

// compareRolled compares an output whose rows may have been merged: in each of the widest
// windows the hub's rows must add up to what those of a run without faults do, or to less
// where some may be missing, and their sequences must be all, or be accounted for.
func (w *world) compareRolled(name string, want, got []row) string {
	next, missing, stand := uint64(1), uint64(0), uint64(0)
	for _, r := range got {
		missing += w.gone(name, next, r.seq)
		stand += r.last - r.seq + 1
		next = r.last + 1
	}
	if next > uint64(len(want))+1 {
		return fmt.Sprintf("row %d is at the hub, without faults there are %d", next-1, len(want))
	}
	if !w.refused {
		missing += w.gone(name, next, uint64(len(want))+1)
	}
	if why := w.accountedFor(name, missing, uint64(len(want))-stand); why != "" {
		return why
	}
	exact := stand == uint64(len(want))
	if away := stand - uint64(len(got)); exact && !w.ahead && !w.refused && away != w.merged {
		return fmt.Sprintf("%d rows went into others of %d, and the ledger has %d", away, stand, w.merged)
	}
	all, why := rollUp(want)
	if why != "" {
		return "without faults, " + why
	}
	have, why := rollUp(got)
	if why != "" {
		return why
	}
	for at, sum := range have {
		if sum != all[at] && (exact || !sum.within(all[at])) {
			return fmt.Sprintf("key %s, %v from %d on: the hub has %+v, without faults it has %+v", at.key,
				time.Duration(rollupWidths[2])*time.Millisecond, at.startMs-epochMs, sum, all[at])
		}
	}
	for at, sum := range all {
		if _, ok := have[at]; exact && !ok {
			return fmt.Sprintf("key %s, window %d: the hub has no row, without faults it has %+v", at.key, at.startMs-epochMs, sum)
		}
	}
	return ""
}
