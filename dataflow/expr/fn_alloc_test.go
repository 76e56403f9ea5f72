package expr

import (
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// hotCalls are calls over a string column $0 that steady state computes without
// allocation.
func hotCalls(t testing.TB) map[string]Node {
	col := NewCol(0, "s", types.TString)
	out := map[string]Node{}
	add := func(name string, n Node, err error) {
		if err != nil {
			t.Fatal(err)
		}
		out[name] = n
	}
	call := func(name string, args ...Node) {
		n, err := NewCall(name, append([]Node{col}, args...)...)
		add(name, n, err)
	}
	call("UPPER")
	call("CHAR_LENGTH")
	call("SUBSTRING", NewInt(3), NewInt(4))
	call("CONCAT", NewString("-"), col)
	call("STARTSWITH", NewString("{"))
	call("SPLIT_INDEX", NewString(","), NewInt(1))
	call("REPLACE", NewString("a"), NewString("bb"))
	call("SPLIT", NewString(","))
	call("MD5")
	call("REGEXP", NewString(`[0-9]+`))
	call("JSON_QUOTE")
	call("IS JSON VALUE")
	split, err := NewCall("SPLIT", col, NewString("a"))
	add("SPLIT by letters", split, err)
	distinct, err := NewCall("ARRAY_DISTINCT", split)
	add("ARRAY_DISTINCT", distinct, err)
	union, err := NewCall("ARRAY_UNION", split, distinct)
	add("ARRAY_UNION", union, err)
	pairs, err := NewCall("MAP_FROM_ARRAYS", split, split)
	add("MAP_FROM_ARRAYS", pairs, err)
	equal, err := NewCall("=", pairs, pairs)
	add("= of maps", equal, err)
	n, err := NewJSONValue(col, NewString("$.b.c"), JSONValueOptions{})
	add("JSON_VALUE", n, err)
	return out
}

func hotBatch() *vec.Batch {
	b := vec.NewBatch([]types.Type{types.TString})
	b.N = vec.BatchSize
	for i := range b.N {
		b.Cols[0].SetString(i, `{"a": 17, "b": {"c": "text", "d": [1, 2, 3]}, "e": true}`)
	}
	return b
}

func TestHotFunctionsDoNotAllocate(t *testing.T) {
	if underRace {
		t.Skip("the race detector allocates")
	}
	b := hotBatch()
	for name, n := range hotCalls(t) {
		p, err := Compile(n, testEnv)
		if err != nil {
			t.Fatal(err)
		}
		c := &Ctx{Env: testEnv}
		if allocs := testing.AllocsPerRun(3, func() { p.Eval(c, b, nil) }); allocs > 4 || len(c.Errs) > 0 {
			t.Errorf("%s: %v allocations for %d rows, errors %v", name, allocs, b.N, c.Errs)
		}
	}
}

func BenchmarkHotFunctions(b *testing.B) {
	batch := hotBatch()
	for name, n := range hotCalls(b) {
		p, err := Compile(n, testEnv)
		if err != nil {
			b.Fatal(err)
		}
		c := &Ctx{Env: testEnv}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Eval(c, batch, nil)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(batch.N), "ns/row")
		})
	}
}

// TestScratchOfALargeRowIsLetGo computes a row with very many elements, and then looks at what
// the function keeps.
func TestScratchOfALargeRowIsLetGo(t *testing.T) {
	b := vec.NewBatch([]types.Type{types.TString})
	b.N = 1
	text := make([]byte, 4<<20)
	for i := range text {
		text[i] = byte('a' + i%7 + i/7%11)
		if i%20 == 19 {
			text[i] = ','
		}
	}
	b.Cols[0].SetBytes(0, text)
	s := NewCol(0, "s", types.TString)
	for _, name := range []string{"SPLIT", "STR_TO_MAP"} {
		args := []Node{s, NewString(",")}
		if name == "STR_TO_MAP" {
			args = append(args, NewString("="))
		}
		n, err := NewCall(name, args...)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Compile(n, testEnv)
		if err != nil {
			t.Fatal(err)
		}
		v := p.Eval(&Ctx{Env: testEnv}, b, nil)
		x := p.root.(*rowExec)
		m := memoOf(&x.ctx)
		if len(v.Bytes(0)) < 1<<10 || cap(x.ctx.Buf) > scratchKept || cap(m.vals) > elemsKept || cap(m.set.vals) > elemsKept || len(m.set.index.hashes) > 2*elemsKept {
			t.Errorf("%s: of a result of %d bytes it keeps %d bytes, %d and %d elements", name, len(v.Bytes(0)), cap(x.ctx.Buf), cap(m.vals), cap(m.set.vals))
		}
	}
}
