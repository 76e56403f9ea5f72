package golden

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	_ "github.com/edgeflow/edgeflow/codegen/golden/decode_csv"
	_ "github.com/edgeflow/edgeflow/codegen/golden/decode_iso"
	_ "github.com/edgeflow/edgeflow/codegen/golden/decode_json"
	_ "github.com/edgeflow/edgeflow/codegen/golden/decode_msgpack"
	_ "github.com/edgeflow/edgeflow/codegen/golden/decode_text"
	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/fused"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/plan"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// twin decodes by a fragment, with the interpreter's decoder for what it refuses, and by
// another decoder alone.
type twin struct {
	head *plan.Head
	// batch is the decoders', cols are its columns by column of the fragment's leaf.
	batch *vec.Batch
	out   *fused.Rows
	cols  []int

	code     fused.Fragment
	host     *fused.Host
	mixed    format.Stepper
	alone    format.Stepper
	log      []string // of the decoder at work
	taken, n int
}

// newTwin is for a pipeline that copies columns of its source.
func newTwin(t testing.TB, name string) *twin {
	t.Helper()
	heads, why := load(t, name).Heads()
	if len(heads) != 1 || len(heads[0].Leaves) != 1 || heads[0].Leaves[0].Window != nil {
		t.Fatal(name, len(heads), why)
	}
	w := &twin{head: heads[0]}
	w.batch = vec.NewBatch(w.head.Source.Base().Schema.Types())
	w.out = fused.NewRows(w.head.Leaves[0].From.Base().Schema, nil, nil)
	for i := range w.head.Source.Columns {
		w.cols = append(w.cols, i)
	}
	for _, n := range w.head.Nodes {
		var cols []int
		for _, e := range n.(*plan.Calc).Project {
			cols = append(cols, w.cols[e.(*expr.Col).Index])
		}
		w.cols = cols
	}
	w.fresh(t)
	return w
}

// fresh makes decoders that have learnt nothing.
func (w *twin) fresh(t testing.TB) {
	t.Helper()
	w.mixed, w.alone = w.decoder(t), w.decoder(t)
	code, ok := fused.New(w.head.Fingerprint)
	if !ok {
		t.Fatal("no fragment; go generate ./codegen/golden")
	}
	w.code = code
	n := len(w.head.Nodes)
	w.host = &fused.Host{Head: w.head, Stats: w.mixed.Stats(), Marks: make([]*fused.Mark, n), Counts: make([]int64, n),
		Windows: make([]*op.WindowPanes, 1), Outs: []*fused.Rows{w.out}}
	*w.out = *fused.NewRows(nil, nil, w.host)
	w.out.Batch = vec.NewBatch(w.head.Leaves[0].From.Base().Schema.Types())
	if err := code.Bind(w.host); err != nil {
		t.Fatal(err)
	}
}

func (w *twin) decoder(t testing.TB) format.Stepper {
	t.Helper()
	table := w.head.Source.Table.Options
	d, err := format.NewDecoder(table["format"], dataflow.DecoderSchema(w.head.Source), format.Options{Table: table,
		OnBad: func(event []byte, at int, err error) {
			w.log = append(w.log, fmt.Sprintf("bad %d %q %v", at, event, err))
		}})
	if err != nil {
		t.Fatal(err)
	}
	return d.(format.Stepper)
}

// row notes row i of a batch.
func (w *twin) row(b *vec.Batch, i int, cols []int) {
	var s strings.Builder
	for k := range w.cols {
		c := b.Cols[k]
		if cols != nil {
			c = b.Cols[cols[k]]
		}
		if d := c.Get(i); d.Null {
			s.WriteString("NULL,")
		} else {
			fmt.Fprintf(&s, "%d %d %x %q,", d.I, d.Hi, d.F, d.B)
		}
	}
	w.log = append(w.log, s.String())
}

// run leads a decoder through a message, with the fragment before it where code is not nil.
func (w *twin) run(d format.Stepper, code fused.Fragment, msg []byte) []string {
	w.log = nil
	d.Begin(msg)
	for pos, ok := d.Next(); ; {
		w.log = append(w.log, fmt.Sprint("at ", pos, ok))
		if !ok {
			break
		}
		if code != nil {
			w.n++
			if end := code.Event(msg, pos); end >= 0 {
				w.host.Stats.Decoded++
				w.taken++
				w.row(w.out.Batch, w.out.Batch.N-1, nil)
				w.out.Batch.Reset()
				pos, ok = d.Take(end)
				continue
			}
			if w.out.Batch.N != 0 {
				w.log = append(w.log, "a row of a refused event")
			}
		}
		ok = d.One(w.batch)
		if w.batch.N > 0 {
			w.row(w.batch, 0, w.cols)
		}
		w.batch.Reset()
		if !ok {
			break
		}
		pos, ok = d.Next()
	}
	st := *d.Stats()
	st.Missing, st.Mismatch, st.UnknownNames = slices.Clone(st.Missing), slices.Clone(st.Mismatch), slices.Clone(st.UnknownNames)
	w.log = append(w.log, fmt.Sprintf("%+v", st))
	return w.log
}

// check compares the ways to decode a message.
func (w *twin) check(t testing.TB, msg []byte) {
	t.Helper()
	want := w.run(w.alone, nil, msg)
	if got := w.run(w.mixed, w.code, msg); !reflect.DeepEqual(got, want) {
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("%q\n\ndecodes to\n%q\nand with generated code to\n%q", msg, want[min(i, len(want)):], got[min(i, len(got)):])
			}
		}
	}
}

// decoders are the packages whose pipelines copy columns, by what makes an event of them.
var decoders = map[string]func(r *rand.Rand) []byte{
	"decode_json":    func(r *rand.Rand) []byte { return []byte(everything(r, ' ').json(r)) },
	"decode_iso":     func(r *rand.Rand) []byte { return []byte(isoEvent(r).json(r)) },
	"decode_msgpack": func(r *rand.Rand) []byte { return everything(r, ' ').msgpack(r, nil) },
	"decode_csv":     func(r *rand.Rand) []byte { return []byte(csvEvent(r)) },
	"decode_text":    func(r *rand.Rand) []byte { return []byte(csvText(r)) },
}

// Generated decoders give what the interpreter's give: rows, ends, counts and refusals, of
// events as they should be, with fields left out, in other orders, damaged and cut off.
func TestDecoders(t *testing.T) {
	for name, event := range decoders {
		t.Run(name, func(t *testing.T) {
			w := newTwin(t, name)
			r := rand.New(rand.NewPCG(1, 2))
			for range 1500 {
				var msg []byte
				for range 1 + r.IntN(4) {
					msg = append(msg, event(r)...)
				}
				w.check(t, msg)
			}
			if w.taken < w.n/2 {
				t.Errorf("generated code took %d of %d events", w.taken, w.n)
			}
			for range 10 {
				msg := event(r)
				for i := range msg {
					w.check(t, msg[:i:i])
				}
			}
			for i := range 3000 {
				if i%500 == 0 {
					w.fresh(t)
				}
				msg := append(event(r), event(r)...)
				for range 1 + r.IntN(3) {
					damage(r, msg)
				}
				w.check(t, msg)
			}
		})
	}
}

// damage changes a byte, mostly to one that means something.
func damage(r *rand.Rand, msg []byte) {
	const meaning = "\"\"{}[]:,,;'\\\n\r -+.0019eEtnuZT\xc0\xff\x80\x90\xa0\xcb\xd7"
	if i := r.IntN(len(msg)); r.IntN(4) > 0 {
		msg[i] = meaning[r.IntN(len(meaning))]
	} else {
		msg[i] = byte(r.Uint32())
	}
}

func fuzzDecoder(f *testing.F, name string) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		f.Add(decoders[name](r))
	}
	w := newTwin(f, name)
	f.Fuzz(func(t *testing.T, msg []byte) {
		w.fresh(t)
		w.check(t, msg)
		w.check(t, msg)
	})
}

func FuzzDecodeJSON(f *testing.F)    { fuzzDecoder(f, "decode_json") }
func FuzzDecodeISO(f *testing.F)     { fuzzDecoder(f, "decode_iso") }
func FuzzDecodeMsgpack(f *testing.F) { fuzzDecoder(f, "decode_msgpack") }
func FuzzDecodeCSV(f *testing.F)     { fuzzDecoder(f, "decode_csv") }
func FuzzDecodeText(f *testing.F)    { fuzzDecoder(f, "decode_text") }

// Events that are taken allocate nothing, whatever form their values have.
func TestDecodersAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, event := range decoders {
		t.Run(name, func(t *testing.T) {
			w := newTwin(t, name)
			taken := w.easy(rand.New(rand.NewPCG(8, 9)), event, 300)
			run := func() {
				for _, m := range taken {
					if w.code.Event(m, 0) < 0 {
						t.Fatalf("%q is refused", m)
					}
					w.out.Batch.Reset()
				}
			}
			run()
			if n := testing.AllocsPerRun(5, run); n > 0 {
				t.Errorf("%v allocations in %d events", n, len(taken))
			}
		})
	}
}

// easy makes n events that the fragment takes.
func (w *twin) easy(r *rand.Rand, event func(r *rand.Rand) []byte, n int) (taken [][]byte) {
	for len(taken) < n {
		m := event(r)
		w.mixed.Decode(m, w.batch) // notes the names of unknown fields
		w.batch.Reset()
		if bytes.Contains(m, []byte("1e400")) {
			continue // strconv makes an error of it
		}
		if w.code.Event(m, 0) >= 0 {
			taken = append(taken, m)
		}
		w.out.Batch.Reset()
	}
	return taken
}
