package op_test

import (
	"math/rand"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/op"
	"github.com/edgeflow/edgeflow/dataflow/op/optest"
	"github.com/edgeflow/edgeflow/dataflow/state"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// partTypes are a text and how often it is repeated.
var partTypes = []types.Type{types.TString, types.TInt}

// partCall makes calls over partTypes.
type partCall struct{ t *testing.T }

func (p partCall) call(name string, args ...expr.Node) expr.Node {
	p.t.Helper()
	n, err := expr.NewCall(name, args...)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p partCall) text() expr.Node   { return expr.NewCol(0, "s", types.TString) }
func (p partCall) times() expr.Node  { return expr.NewCol(1, "n", types.TInt) }
func (p partCall) repeat() expr.Node { return p.call("REPEAT", p.text(), p.times()) }

// TestCalcInParts compares rows with large results computed one by one and in batches, of
// which only parts are computed together: functions of rows and of vectors, branches, filters,
// and failures.
func TestCalcInParts(t *testing.T) {
	p := partCall{t}
	long := p.call(">", p.call("CHAR_LENGTH", p.call("UPPER", p.repeat())), expr.NewInt(40_000))
	branch, err := expr.NewCase([]expr.Node{p.call("=", p.call("MOD", p.times(), expr.NewInt(2)), expr.NewInt(0))},
		[]expr.Node{p.call("CONCAT", p.repeat(), p.repeat(), p.text())}, p.call("REVERSE", p.repeat()))
	if err != nil {
		t.Fatal(err)
	}
	// Behind the end of a part this would fail.
	number, err := expr.NewCast(p.call("COALESCE", p.call("SUBSTRING", p.call("REPEAT", expr.NewString("7"), p.times()), expr.NewInt(1), expr.NewInt(3)), expr.NewString("none")), types.TInt, false)
	if err != nil {
		t.Fatal(err)
	}
	project := []expr.Node{
		number, p.text(), p.times(), p.call("CHAR_LENGTH", p.call("CONCAT", p.repeat(), p.repeat())), p.call("MD5", branch),
		p.call("COALESCE", p.call("NULLIF", p.text(), expr.NewString("b")), p.repeat()),
	}
	for name, filter := range map[string]expr.Node{"all rows": nil, "long ones": long} {
		r := rand.New(rand.NewSource(3))
		var rows [][]vec.Datum
		lost := 0
		for range 24 {
			n := []int64{3, 100, 300_000, 20_000_000, 500_001, 50_000, 1_100_000}[r.Intn(7)]
			if n == 20_000_000 {
				lost++
			}
			rows = append(rows, []vec.Datum{vec.StringDatum(string(rune('a' + r.Intn(4)))), vec.IntDatum(n)})
		}
		got := optest.Run(t, optest.Case{
			New: func() (op.Operator, error) {
				return op.NewCalc(op.CalcConfig{Input: partTypes, Filter: filter, Project: project})
			},
			Input: partTypes, Events: optest.Rows(0, rows...), Ordered: true, Lost: lost,
		})
		if len(got.Trace) < 8 || lost == 0 {
			t.Errorf("%s: %d rows, %d lost", name, len(got.Trace), lost)
		}
	}
}

// heavyOutput notes the most bytes that a batch holds, and checks each row.
type heavyOutput struct {
	nothing
	t          *testing.T
	rows, most int
	lost       []error
}

func (h *heavyOutput) Process(b *vec.Batch) error {
	held := 0
	for _, v := range b.Cols {
		held += v.Held()
	}
	h.most = max(h.most, held)
	for k := range b.Rows() {
		for _, v := range b.Cols {
			if v.Phys == types.Bytes && strings.Trim(string(v.Bytes(b.Row(k))), string(rune('a'+h.rows%26))) != "" {
				h.t.Errorf("row %d is that of another", h.rows)
			}
		}
		h.rows++
	}
	return nil
}

func (h *heavyOutput) RowError(_ *vec.Batch, _ int, err error) error {
	h.lost = append(h.lost, err)
	return nil
}

// runHeavy computes rows that repeat a letter so many times.
func runHeavy(t *testing.T, project []expr.Node, times ...int64) *heavyOutput {
	t.Helper()
	o, err := op.NewCalc(op.CalcConfig{Input: partTypes, Project: project})
	if err != nil {
		t.Fatal(err)
	}
	a, err := state.NewArena(state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := &heavyOutput{t: t}
	if err := o.Open(&op.Context{Arena: a, ID: "op", Out: out, Errors: out, Env: &expr.Env{}}); err != nil {
		t.Fatal(err)
	}
	b := vec.NewBatch(partTypes)
	for i, n := range times {
		b.Cols[0].SetString(i, string(rune('a'+i%26)))
		b.Cols[1].I64[i] = n
	}
	b.N = len(times)
	if err := o.Process(0, b); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCalcHoldsLittleOfLargeResults computes many rows with large results in one batch.
func TestCalcHoldsLittleOfLargeResults(t *testing.T) {
	times := make([]int64, 40)
	for i := range times {
		times[i] = 1_500_000 + int64(i)
	}
	p := partCall{t}
	out := runHeavy(t, []expr.Node{p.repeat(), p.call("CONCAT", p.repeat(), p.text())}, times...)
	if out.rows != len(times) || out.most > 4<<20 || len(out.lost) > 0 {
		t.Errorf("%d rows, %d lost, the heaviest batch holds %d bytes", out.rows, len(out.lost), out.most)
	}
}

// TestResultsOfOneRowTogether gives a row more columns with large results than it may have.
func TestResultsOfOneRowTogether(t *testing.T) {
	p := partCall{t}
	var project []expr.Node
	for i := range 5 {
		project = append(project, p.call("REPEAT", p.text(), p.call("+", p.times(), expr.NewInt(int64(i)))))
	}
	const mb = 1 << 20
	out := runHeavy(t, project, 10*mb, mb, 5, 15*mb)
	if out.rows != 3 || len(out.lost) != 1 || !strings.Contains(out.lost[0].Error(), "67108864 bytes together") {
		t.Errorf("%d rows, lost are %v", out.rows, out.lost)
	}
}
