package qoe

import (
	"encoding/json"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

func TestBeaconsAreReproducibleAndEncodeAlike(t *testing.T) {
	g, h := New(7, 1_700_000_000_000, 2000), New(7, 1_700_000_000_000, 2000)
	var a, b Beacon
	late, future := 0, 0
	for i := uint64(0); i < 50_000; i++ {
		g.At(i, &a)
		h.At(i, &b)
		if a != b {
			t.Fatalf("beacon %d differs between two generators of one seed", i)
		}
		if a.Late {
			late++
		}
		if a.Future {
			future++
		}
		if !a.Late && !a.Future && (a.EventTimeMs > g.NowMs(i) || a.EventTimeMs < g.NowMs(i)-DisorderMs) {
			t.Fatalf("beacon %d is out of the declared disorder", i)
		}
		if i%1000 != 0 {
			continue
		}
		var j, m map[string]any
		if err := json.Unmarshal(a.AppendJSON(nil), &j); err != nil {
			t.Fatal(err)
		}
		if err := msgpack.Unmarshal(a.AppendMsgpack(nil), &m); err != nil {
			t.Fatal(err)
		}
		if len(j) != 10 || len(m) != 10 || j["customer"] != m["customer"] || j["error"] != m["error"] {
			t.Fatalf("encodings differ:\n%v\n%v", j, m)
		}
	}
	if late == 0 || future == 0 {
		t.Fatalf("%d late and %d future beacons", late, future)
	}
}

func TestTruthCountsEveryBeaconOnce(t *testing.T) {
	g, truth := New(1, 1_700_000_000_000, 500), NewTruth()
	var b Beacon
	for i := uint64(0); i < 30_000; i++ {
		g.At(i, &b)
		truth.Add(&b)
	}
	var tumble, hop int64
	for _, v := range truth.Tumble {
		tumble += v.Views
	}
	for _, v := range truth.Hop {
		hop += v.Views
	}
	if tumble+truth.Late+truth.Future != truth.All || hop != 6*tumble {
		t.Fatalf("tumble %d hop %d late %d future %d all %d", tumble, hop, truth.Late, truth.Future, truth.All)
	}
}
