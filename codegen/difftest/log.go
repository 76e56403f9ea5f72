package difftest

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/types"
)

// Message is a message of a Log.
type Message struct {
	// Arrival is in ms since 1970.
	Arrival int64
	Data    []byte
}

// Log is what a source reads.
type Log []Message

// logGen makes a log; its fields are the log's style.
type logGen struct {
	r *rand.Rand
	// wild is the share of events with something odd, nulls that of NULLs where they may be;
	// tame leaves out what is valid but seldom.
	wild, nulls float64
	tame        bool
	// spaces is 0 for none, 1 for those that many encoders write, 2 for any.
	spaces int
	// order is that of the fields; shuffled takes another one for every event.
	order    []int
	shuffled bool
	// extra are unknown fields that each event has.
	extra                   []string
	alternative, positional bool

	names  []string
	types  []types.Type
	times  []bool // the event time follows from the column
	write  writer
	events int
}

// writer writes events of a format.
type writer interface {
	token(c cell) string
	odd() string
	object(names, tokens []string) string
	frame(events []string) string
}

// NewLog makes the log of a seed for a table, of about n events. A tame one holds nothing
// but plain valid events in time.
func NewLog(t *plan.Table, seed uint64, n int, tame bool) Log {
	l := &logGen{r: rand.New(rand.NewPCG(seed, 77)), tame: tame}
	timeColumns := eventTime(t)
	for i, c := range t.Columns {
		if c.Kind == plan.PhysicalColumn {
			l.order = append(l.order, len(l.names))
			l.names, l.types = append(l.names, c.Name), append(l.types, c.Type)
			l.times = append(l.times, slices.Contains(timeColumns, i))
		}
	}
	l.style(t)
	return l.messages(n)
}

// eventTime lists the columns that the event time follows from.
func eventTime(t *plan.Table) []int {
	if t.Watermark == nil {
		return nil
	}
	c := t.Watermark.Column
	out := []int{c}
	if t.Columns[c].Expr != nil {
		expr.Walk(t.Columns[c].Expr, func(n expr.Node) bool {
			if col, ok := n.(*expr.Col); ok {
				out = append(out, col.Index)
			}
			return true
		})
	}
	return out
}

func (l *logGen) style(t *plan.Table) {
	r := l.r
	if !l.tame {
		l.wild = []float64{0, 0, 0.002, 0.01, 0.05, 0.1, 0.5}[r.IntN(7)]
		l.nulls = []float64{0, 0, 0.05, 0.3}[r.IntN(4)]
		l.spaces = []int{0, 0, 0, 1, 2}[r.IntN(5)]
		l.alternative = r.IntN(6) == 0
	}
	format := t.Options["format"]
	if !l.tame && format != "csv" {
		switch r.IntN(8) {
		case 0:
			r.Shuffle(len(l.order), func(i, j int) { l.order[i], l.order[j] = l.order[j], l.order[i] })
		case 1:
			l.shuffled = true
		case 2:
			l.extra = []string{"unknown", "a", "zz" + l.names[0], ""}[:1+r.IntN(4)]
		case 3:
			l.order = l.order[:1+r.IntN(len(l.order))]
		case 4:
			l.positional = format == "msgpack"
		}
	}
	switch format {
	case "json":
		l.write = jsonWriter{l: l, iso: strings.HasPrefix(t.Options["json.timestamp-format.standard"], "ISO")}
	case "msgpack":
		l.write = msgpackWriter{l: l}
	case "csv":
		w := newCSVWriter(l, t.Options)
		if t.Options["csv.header"] == "true" {
			if r.IntN(3) == 0 {
				r.Shuffle(len(l.order), func(i, j int) { l.order[i], l.order[j] = l.order[j], l.order[i] })
			}
			for _, i := range l.order {
				w.header = append(w.header, l.names[i])
			}
		}
		l.write = w
	}
}

// start is the event time of the first event, in ms.
const start = 1704067200000 - 3600000 // 2023-12-31T23:00:00Z

func (l *logGen) messages(n int) (log Log) {
	clock, arrival := int64(start), int64(start)+int64(l.r.IntN(2000))
	many := []int{1, 1, 3, 40, 400, 1500}[l.r.IntN(6)]
	pace := []int{20, 200, 2000, 60000}[l.r.IntN(4)]
	for l.events < n {
		k := 1 + l.r.IntN(many)
		var events []string
		for range k {
			clock += int64(l.r.IntN(pace)) / 10
			events = append(events, l.event(l.time(clock)))
		}
		l.events += k
		arrival = max(arrival, clock+int64(l.r.IntN(300)))
		switch {
		case l.tame:
		case l.r.IntN(200) == 0:
			arrival += int64(l.r.IntN(100000))
			clock += int64(l.r.IntN(100000))
		case l.r.IntN(200) == 0:
			clock = max(start, clock-int64(l.r.IntN(30000)))
		}
		log = append(log, Message{Arrival: arrival, Data: l.damage(l.write.frame(events))})
	}
	return log
}

// time is the event time of an event at a clock: seldom late or ahead.
func (l *logGen) time(clock int64) int64 {
	if l.tame {
		return clock
	}
	switch k := l.r.IntN(400); {
	case k < 40:
		return clock - int64(l.r.IntN(5000))
	case k < 44:
		return clock - int64(l.r.IntN(4000000))
	case k < 45:
		return clock + int64(l.r.IntN(4000000))
	}
	return clock
}

// event is one event at a time.
func (l *logGen) event(now int64) string {
	if l.shuffled {
		l.r.Shuffle(len(l.order), func(i, j int) { l.order[i], l.order[j] = l.order[j], l.order[i] })
	}
	var names, tokens []string
	for k, i := range l.order {
		c := l.value(l.types[i], now)
		if l.times[i] && !c.null {
			l.setTime(&c, now)
		}
		names, tokens = append(names, l.names[i]), append(tokens, l.write.token(c))
		if k < len(l.extra) {
			names, tokens = append(names, l.extra[k]), append(tokens, l.write.token(l.value(l.types[l.r.IntN(len(l.types))], now)))
		}
	}
	if l.r.Float64() < l.wild {
		names, tokens = l.spoil(names, tokens, now)
	}
	return l.write.object(names, tokens)
}

// setTime makes a column tell the event time.
func (l *logGen) setTime(c *cell, now int64) {
	switch {
	case c.t.IsTimestamp():
		c.i, c.sub = now*1000, 0
		if c.t.Prec == 0 {
			c.i -= c.i % 1_000_000
		}
	case c.t.IsInteger():
		c.i = now
	case c.t.IsString():
		c.s = cell{i: now * 1000}.timeText(" ", 3)
		if l.r.IntN(4) == 0 {
			c.s = c.s[:19]
		}
	}
}

// spoil makes an event odd.
func (l *logGen) spoil(names, tokens []string, now int64) ([]string, []string) {
	i := l.r.IntN(len(names))
	switch l.r.IntN(8) {
	case 0: // a field is missing
		return slices.Delete(names, i, i+1), slices.Delete(tokens, i, i+1)
	case 1: // a field comes twice
		j := l.r.IntN(len(names) + 1)
		return slices.Insert(names, j, names[i]), slices.Insert(tokens, j, l.write.odd())
	case 2: // a field is unknown
		name := []string{"unknown", "", names[i] + "x", names[i][:len(names[i])/2], "\u00e9\"", strings.Repeat("n", 40), strings.ToUpper(names[i])}[l.r.IntN(7)]
		return slices.Insert(names, i, name), slices.Insert(tokens, i, l.write.odd())
	case 3: // two fields change places
		j := l.r.IntN(len(names))
		names[i], names[j], tokens[i], tokens[j] = names[j], names[i], tokens[j], tokens[i]
	case 4: // a NULL
		tokens[i] = l.write.token(cell{null: true})
	case 5: // a value of another type
		tokens[i] = l.write.token(l.value(l.types[l.r.IntN(len(l.types))], now))
	default:
		tokens[i] = l.write.odd()
	}
	return names, tokens
}

// damage breaks a message now and then.
func (l *logGen) damage(s string) []byte {
	b := []byte(s)
	if l.r.Float64() >= l.wild/2 {
		return b
	}
	switch l.r.IntN(7) {
	case 0:
		return nil
	case 1, 2:
		return b[:l.r.IntN(len(b)+1)]
	case 3, 4:
		for range 1 + l.r.IntN(3) {
			if len(b) > 0 {
				b[l.r.IntN(len(b))] ^= 1 << l.r.IntN(8)
			}
		}
	case 5:
		return append(b, []string{" ", "\n", "]", "}", "\x00", "\xc0", "null", "[", "{}", "\"", "\x80", "\x90"}[l.r.IntN(12)]...)
	default:
		if i := l.r.IntN(len(b) + 1); i < len(b) {
			return slices.Delete(b, i, i+1)
		}
	}
	return b
}
