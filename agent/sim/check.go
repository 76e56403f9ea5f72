package sim

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow"
)

// hubRow names a row of an output.
type hubRow struct {
	output string
	seq    uint64
}

// row is a row at the hub.
type row struct {
	// The row stands for the sequences from seq to last: for one, unless it is a merged one.
	seq, last uint64
	merged    bool
	kind      string
	text      string
}

// hubRows are the rows at the hub by output, in the order in which they came.
type hubRows map[string][]row

// contents reads the hub: the rows of each output, which must be there at most once and in
// order. Where a cursor was lost and the policy is to send again, rows may be there again.
func (w *world) contents() (hubRows, error) {
	rows, last := hubRows{}, map[string]uint64{}
	for _, m := range w.hub.Messages {
		name := outputOf(m.Subject)
		if m.First <= last[name] && w.resent[name] {
			last[name] = m.First - 1
			rows[name] = slices.DeleteFunc(rows[name], func(r row) bool { return r.seq >= m.First })
		}
		if m.First <= last[name] {
			return nil, fmt.Errorf("output %s: row %d follows row %d at the hub", name, m.First, last[name])
		}
		last[name] = m.Last
		lines := strings.Split(m.Data, "\n")
		n, stand := uint64(len(lines)), m.Last-m.First+1
		if merged := m.Merged > 0; n != stand && !merged || merged && (m.Merged != stand || 2*n > stand) {
			return nil, fmt.Errorf("output %s: the message of rows %d to %d has %d, merged from %d", name, m.First, m.Last, n, m.Merged)
		}
		// Of merged rows it is told for how many they stand together.
		seq := m.First
		for i, line := range lines {
			last := m.Last - (n - 1 - uint64(i))
			rows[name] = append(rows[name], row{seq, last, m.Merged > 0, m.Kind, line})
			seq = last + 1
		}
	}
	return rows, nil
}

// plain is the text of the rows.
func plain(rows hubRows) map[string][]string {
	out := map[string][]string{}
	for name, r := range rows {
		for i := range r {
			out[name] = append(out[name], r[i].text)
		}
	}
	return out
}

// compare says where the hub differs from that of a run without faults, beyond what the
// policies allow, or is empty. After a refusal an output may end early.
func (w *world) compare(want, got hubRows) string {
	names := maps.Clone(want)
	maps.Copy(names, got)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		why := ""
		switch a, b := want[name], got[name]; {
		case w.program.isKeyed(name):
			why = w.compareKeyed(name, a, b)
		case name == w.program.merged:
			why = w.compareRolled(name, a, b)
		default:
			why = w.compareRows(name, a, b)
		}
		if why != "" {
			return fmt.Sprintf("output %s: %s", name, why)
		}
	}
	return ""
}

// compareRows compares row by row: each sequence is the same row in both. With several sources
// nothing can be said where the disk lost commits, or there were two: the sources' messages may
// come in another order, and the rest is as with compareKeyed.
func (w *world) compareRows(name string, want, got []row) string {
	if w.ahead && w.program.both {
		return ""
	}
	next, missing := uint64(1), uint64(0) // missing are those that the hub did not lose itself
	for _, r := range got {
		if r.seq > uint64(len(want)) {
			return fmt.Sprintf("row %d is at the hub, without faults there are %d:\n  %s", r.seq, len(want), r.text)
		}
		if a := want[r.seq-1]; w.text(name, a.text) != w.text(name, r.text) || a.kind != r.kind {
			return fmt.Sprintf("row %d is\n  %s %s\nand without faults\n  %s %s", r.seq, r.kind, r.text, a.kind, a.text)
		}
		missing += w.gone(name, next, r.seq)
		next = r.seq + 1
	}
	if !w.refused {
		missing += w.gone(name, next, uint64(len(want))+1)
	}
	return w.accountedFor(name, missing, uint64(len(want)-len(got)))
}

// accountedFor tells that rows are missing at the hub, of which it did not lose so many
// itself, that neither policy nor ledger explain.
func (w *world) accountedFor(name string, missing, all uint64) string {
	if w.refused {
		if missing > 0 && !w.lossy() {
			return fmt.Sprintf("%d rows are missing before the last at the hub", missing)
		}
		return ""
	}
	// Rows that the hub had and lost may have been given up too. And who gave up all that
	// was left has not asked the hub again what was sent before, or what became of the last
	// request; nor can a hub tell that lost its cursor or an old copy of it is.
	d, most := w.dropped[name], all
	if !w.asked[name] || w.class == classHub && w.struck {
		most = max(most, d)
	}
	if d < missing || d > most {
		return fmt.Sprintf("%d rows are missing, %d without what the hub lost, and the ledger has %d dropped", all, missing, d)
	}
	return ""
}

// sequence is the place of a diverted row's message in the stream.
var sequence = regexp.MustCompile(`"sequence":\d+,`)

// text is what of a row follows from the messages that were read. Where some were lost,
// their places are others in a run over the rest.
func (w *world) text(output, row string) string {
	if w.class == classStream && slices.Contains(diverted, output) {
		return sequence.ReplaceAllString(row, "")
	}
	return row
}

// gone counts the rows from sequence from to before to that the hub did not lose itself.
func (w *world) gone(output string, from, to uint64) (n uint64) {
	for seq := from; seq < to; seq++ {
		if !w.hubLost[hubRow{output, seq}] {
			n++
		}
	}
	return n
}

// compareKeyed compares what is left of each key: its newest row. Where rows may rightly be
// missing nothing can be said; nor where the disk lost commits, or there were two: the rows of
// an output that takes upserts are numbered by its checkpoints, and a disk that has come as far
// as the hub before it reaches that again is not told from one that never lost any.
func (w *world) compareKeyed(name string, want, got []row) string {
	if w.refused || w.lossy() || w.ahead || len(w.resent) > 0 {
		return ""
	}
	next := uint64(1)
	for _, r := range got {
		if r.seq != next {
			return fmt.Sprintf("row %d follows row %d", r.seq, next-1)
		}
		next++
	}
	a, b := w.newest(want), w.newest(got)
	for _, key := range slices.Sorted(maps.Keys(a)) {
		if a[key] != b[key] {
			return fmt.Sprintf("key %s ends as\n  %v\nand without faults as\n  %v", key, b[key], a[key])
		}
		delete(b, key)
	}
	for key, r := range b {
		return fmt.Sprintf("key %s ends as %v, and is not there without faults", key, r)
	}
	return ""
}

// newest is the last row of each key, by the columns before the last two of its text, of
// those that were not deleted.
func (w *world) newest(rows []row) map[string]string {
	out := map[string]string{}
	for _, r := range rows {
		key := keyOf(r.text)
		out[key] = r.text
		if strings.HasPrefix(r.kind, "-") {
			delete(out, key)
		}
	}
	return out
}

// keyOf is a row's key: its text up to the first column that is not of a key.
func keyOf(text string) string {
	for _, column := range []string{`"id":`, `"n":`} {
		if key, _, ok := strings.Cut(text, column); ok {
			return key
		}
	}
	return text
}

// difference shows the first line in which two dumps differ.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(a), len(b)) {
		x, y := "(none)", "(none)"
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return fmt.Sprintf("line %d is\n  %s\nand without faults\n  %s", i+1, y, x)
		}
	}
	return ""
}

// diverted lists the outputs that every program has.
var diverted = []string{dataflow.DeadLetters, dataflow.LateRows}
