package golden

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	_ "github.com/edgeflow/edgeflow/codegen/golden/decode_nested"
	_ "github.com/edgeflow/edgeflow/codegen/golden/decode_qoe_csv"
	_ "github.com/edgeflow/edgeflow/codegen/golden/decode_qoe_json"
	_ "github.com/edgeflow/edgeflow/codegen/golden/decode_qoe_msgpack"
	"github.com/edgeflow/edgeflow/dataflow/vec"
	"github.com/edgeflow/edgeflow/examples/qoe"
)

// beacons are messages of a beacon each, with fields in the declared order, in another one
// that is the same for all, or spread out with white space or an additional field.
func beacons(encoding, order string) [][]byte {
	g := qoe.New(7, startMs, 1000)
	swap := rand.New(rand.NewPCG(5, 6)).Perm(10)
	var out [][]byte
	for i := range uint64(1024) {
		var b qoe.Beacon
		g.At(i, &b)
		text := string(b.AppendJSON(nil))
		fields := strings.Split(text[1:len(text)-1], ",")
		switch order {
		case "reordered":
			moved := make([]string, len(fields))
			for k, f := range fields {
				moved[swap[k]] = f
			}
			text = "{" + strings.Join(moved, ",") + "}"
		case "spaced":
			text = "{" + strings.ReplaceAll(strings.Join(fields, ", "), `":`, `": `) + "}"
		case "more":
			text = text[:len(text)-1] + `,"app":"player"}`
		}
		if encoding == "csv" {
			at := time.UnixMilli(b.EventTimeMs).UTC().Format("2006-01-02 15:04:05.000Z")
			text = fmt.Sprintf("%d,%s,%s,%s,%s,%s,%d,%d,%d,%s\n", b.ViewID, b.Customer, b.Region, b.CDN, b.Device, at, b.StartupMs, b.RebufferMs, b.BitrateKbps, b.Error)
		}
		if encoding != "msgpack" {
			out = append(out, []byte(text))
			continue
		}
		m := b.AppendMsgpack(nil)
		if order == "more" {
			m[0]++
			m = append(m, "\xa3app\xa6player"...)
		}
		if order == "reordered" {
			m = append(append(m[:1:1], "\xa5error\xc0"...), m[1:]...)
			m = m[:len(m)-len("\xa5error\xc0")]
			if b.Error != "" {
				continue
			}
		}
		out = append(out, m)
	}
	return out
}

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

// BenchmarkDecode measures the decoding of a beacon, one a message, by a fragment and by the
// interpreter's decoder.
func BenchmarkDecode(b *testing.B) {
	for _, encoding := range []string{"json", "msgpack", "csv"} {
		w := newTwin(b, "decode_qoe_"+encoding)
		for _, order := range []string{"declared", "reordered", "spaced", "more"} {
			if encoding == "msgpack" && order == "spaced" || encoding == "csv" && order != "declared" {
				continue
			}
			msgs := beacons(encoding, order)
			b.Run(encoding+"/"+order, func(b *testing.B) { benchDecode(b, w, msgs) })
		}
	}
}

// benchDecode decodes messages of an event each, in both ways.
func benchDecode(b *testing.B, w *twin, msgs [][]byte) {
	b.Run("generated", func(b *testing.B) {
		w.fresh(b)
		w.mixed.Decode(msgs[0], w.batch) // notes the names of unknown fields
		w.batch.Reset()
		b.ReportAllocs()
		for i := range b.N {
			m := msgs[i%len(msgs)]
			if w.code.Event(m, 0) < 0 {
				b.Fatalf("%q is refused", m)
			}
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
