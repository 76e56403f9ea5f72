package format

import (
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// The beacon of a video player: ten fields, of which a query wants six.
const beaconJSON = `{"view_id":"v-00418237","customer":"acme","region":"eu-west","cdn":"fastly","device":"tv-3021","ts":1760000123456,"startup_ms":812,"rebuffer_ms":40,"bitrate":4500.5,"error":null,"app":"a"}`

var beaconWanted = Schema{
	Columns: columns("customer", types.TString, "cdn", types.TString, "ts", types.TBigInt, "startup_ms", types.TInt, "rebuffer_ms", types.TInt, "bitrate", types.TDouble),
	Declared: []types.Field{{Name: "view_id", Type: types.TString}, {Name: "customer", Type: types.TString}, {Name: "region", Type: types.TString}, {Name: "cdn", Type: types.TString},
		{Name: "device", Type: types.TString}, {Name: "ts", Type: types.TBigInt}, {Name: "startup_ms", Type: types.TInt}, {Name: "rebuffer_ms", Type: types.TInt},
		{Name: "bitrate", Type: types.TDouble}, {Name: "error", Type: types.TString}, {Name: "app", Type: types.TString}},
}

var beaconAll = func() (s Schema) {
	for _, f := range beaconWanted.Declared {
		s.Columns = append(s.Columns, Column{Name: f.Name, Type: f.Type})
	}
	return s
}()

// beacon is the event in a format.
func beacon(tb testing.TB, format string, table map[string]string) []byte {
	b := vec.NewBatch(columnTypes(beaconAll.Columns))
	d, err := NewDecoder("json", beaconAll, Options{})
	if err != nil {
		tb.Fatal(err)
	}
	d.Decode([]byte(beaconJSON), b)
	e, err := NewEncoder(format, beaconAll, Options{Table: table})
	if err != nil {
		tb.Fatal(err)
	}
	out, err := e.Append(nil, b, 0)
	if err != nil || b.N != 1 {
		tb.Fatal(err, b.N)
	}
	return append(out, e.Framing().Separator...)
}

// pack repeats an event n times.
func pack(event []byte, n int) (msg []byte) {
	for range n {
		msg = append(msg, event...)
	}
	return msg
}

// decodeLoop decodes n events in messages and returns the rows.
func decodeLoop(d Decoder, b *vec.Batch, msg []byte, events, n int) (rows int) {
	b.Reset()
	for done := 0; done < n; done += events {
		for more := d.Decode(msg, b); ; more = d.Resume(b) {
			if b.N == vec.BatchSize || more {
				rows += b.N
				b.Reset()
			}
			if !more {
				break
			}
		}
	}
	return rows + b.N
}

var benchFormats = []struct {
	name, format string
	table        map[string]string
}{
	{"json", "json", nil}, {"msgpack", "msgpack", nil},
	{"msgpack-array", "msgpack", map[string]string{"msgpack.encode": "array"}}, {"csv", "csv", nil},
}

func BenchmarkDecode(b *testing.B) {
	for _, f := range benchFormats {
		for _, events := range []int{1, 100} {
			name := f.name + "/one"
			if events > 1 {
				name = f.name + "/packed"
			}
			b.Run(name, func(b *testing.B) {
				d, err := NewDecoder(f.format, beaconWanted, Options{})
				if err != nil {
					b.Fatal(err)
				}
				msg := pack(beacon(b, f.format, f.table), events)
				batch := vec.NewBatch(columnTypes(beaconWanted.Columns))
				b.SetBytes(int64(len(msg) / events))
				b.ReportAllocs()
				b.ResetTimer()
				decodeLoop(d, batch, msg, events, b.N)
			})
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, f := range benchFormats {
		b.Run(f.name, func(b *testing.B) {
			d, _ := NewDecoder("json", beaconAll, Options{})
			batch := vec.NewBatch(columnTypes(beaconAll.Columns))
			d.Decode([]byte(beaconJSON), batch)
			e, err := NewEncoder(f.format, beaconAll, Options{Table: f.table})
			if err != nil {
				b.Fatal(err)
			}
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				if dst, err = e.Append(dst[:0], batch, 0); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}
