package golden

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	_ "github.com/edgeflow/edgeflow/codegen/golden/decode_nested"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// bids are messages of an event each, of one kind in 50 a person, in 50 three auctions, and
// otherwise bids.
func bids() [][]byte {
	var out [][]byte
	for i := range 1024 {
		at := time.UnixMilli(startMs + int64(i)).UTC().Format("2006-01-02 15:04:05.000")
		person, auction, bid := "null", "null", "null"
		kind := 2
		switch i % 50 {
		case 0:
			kind, person = 0, fmt.Sprintf(`{"id":%d,"name":"Peter Jones","email":"a@b.com","dateTime":"%s","extra":"xyz"}`, i, at)
		case 1, 2, 3:
			kind, auction = 1, fmt.Sprintf(`{"id":%d,"itemName":"vjslpj","description":"anqk dcoyx","dateTime":"%s","expires":"%s","seller":%d,"extra":"[QJWJ"}`, i, at, at, i*7)
		default:
			bid = fmt.Sprintf(`{"auction":%d,"bidder":%d,"price":%d,"channel":"Google","url":"https://www.nexmark.com/abo/item.htm?query=1","dateTime":"%s","extra":"aWOPNJ_QJM"}`, i+1000, i*3, i*331, at)
		}
		out = append(out, fmt.Appendf(nil, `{"event_type":%d,"person":%s,"auction":%s,"bid":%s}`, kind, person, auction, bid))
	}
	return out
}

// BenchmarkDecodeNested measures the decoding of an event with nested rows.
func BenchmarkDecodeNested(b *testing.B) { benchDecode(b, newTwin(b, "decode_nested"), bids()) }

// BenchmarkDecode measures the decoding of an event with a column of every type, one a
// message, by a fragment and by the interpreter's decoder.
func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"decode_json", "decode_msgpack", "decode_csv"} {
		b.Run(name, func(b *testing.B) {
			w := newTwin(b, name)
			benchDecode(b, w, w.easy(rand.New(rand.NewPCG(8, 9)), decoders[name], 1024))
		})
	}
}

// benchDecode decodes messages of an event each, in both ways.
func benchDecode(b *testing.B, w *twin, msgs [][]byte) {
	b.Run("generated", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			m := msgs[i%len(msgs)]
			if w.code.Event(m, 0) < 0 {
				b.Fatalf("%q is refused", m)
			}
			w.out.Batch.Reset()
		}
	})
	b.Run("interpreted", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			w.alone.Decode(msgs[i%len(msgs)], w.batch)
			if w.batch.N == vec.BatchSize {
				w.batch.Reset()
			}
		}
	})
}
