package sim

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"
)

// The times of the pipeline under test, in ms. They match script.
const (
	windowMs  = 2_000
	delayMs   = 1_500
	epochMs   = 1_714_521_600_000 // 2024-05-01T00:00:00Z
	futureMs  = 365 * 24 * 3_600_000
	alertFrom = 800
)

// eventKind says what is wrong with an event, if anything.
type eventKind uint8

const (
	good eventKind = iota
	badField
	badSyntax
	noTime
	future
)

// event is one event of the input, as the checks see it.
type event struct {
	kind eventKind
	id   int64
	key  string
	tsMs int64
	v    int64
}

// windowStart is the start of the tumbling window that the event belongs to, in ms.
func (e *event) windowStart() int64 { return e.tsMs - e.tsMs%windowMs }

// entry is one message of the simulated stream.
type entry struct {
	seq       uint64
	source    int // whose stream it comes into
	arrivalMs int64
	data      []byte
	hash      uint64 // of message and place
	events    []event
}

// newInput draws the stream's messages: disorder, late and broken events, clocks far ahead,
// bursts and silence.
func newInput(seed uint64) []entry {
	r := rand.New(rand.NewPCG(seed, 1))
	keys := 1 + r.IntN(12)
	lateOf100, badOf100 := r.IntN(10), r.IntN(6)
	quiet := 1 + r.IntN(120)
	at, id := int64(epochMs), int64(0)
	in := make([]entry, 60+r.IntN(140))
	for i := range in {
		switch r.IntN(25) {
		case 0:
			at += int64(r.IntN(1_500))
		case 1, 2, 3, 4:
		default:
			at += int64(r.IntN(quiet))
		}
		e := entry{seq: uint64(i + 1), arrivalMs: at}
		for range 1 + r.IntN(4) {
			id++
			ev := event{id: id, key: fmt.Sprintf("k%d", r.IntN(keys)), v: int64(r.IntN(1_000)), tsMs: at - int64(r.IntN(delayMs))}
			switch n := r.IntN(100); {
			case n < lateOf100:
				ev.tsMs -= int64(2_000 + r.IntN(10_000))
			case n < lateOf100+badOf100:
				ev.kind = []eventKind{badField, badSyntax, noTime, future}[r.IntN(4)]
			}
			if ev.kind == future {
				ev.tsMs += futureMs
			}
			e.events = append(e.events, ev)
			if ev.kind == badSyntax {
				break // nothing can be told of what follows
			}
		}
		e.data = encode(e.events)
		e.hash = messageHash(e.seq, e.data)
		in[i] = e
	}
	return in
}

// deal spreads the messages over so many sources, of which each has some in a row.
func deal(in []entry, sources int, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 4))
	stay, source := 1+r.IntN(6), 0
	for i := range in {
		if r.IntN(stay) == 0 {
			source = r.IntN(sources)
		}
		in[i].source = source
	}
}

// messageHash identifies a message.
func messageHash(seq uint64, data []byte) uint64 {
	f := fnv.New64a()
	_, _ = f.Write(binary.LittleEndian.AppendUint64(nil, seq))
	_, _ = f.Write(data)
	return max(1, f.Sum64())
}

// encode writes events as lines of JSON.
func encode(events []event) []byte {
	var b strings.Builder
	for i := range events {
		e := &events[i]
		if i > 0 {
			b.WriteByte('\n')
		}
		ts := `"` + time.UnixMilli(e.tsMs).UTC().Format("2006-01-02T15:04:05.000") + `"`
		switch e.kind {
		case badField:
			ts = `"yesterday"`
		case noTime:
			ts = "null"
		}
		fmt.Fprintf(&b, `{"id":%d,"k":"%s","ts":%s,"v":%d`, e.id, e.key, ts, e.v)
		if e.kind != badSyntax {
			b.WriteByte('}')
		}
	}
	return []byte(b.String())
}
