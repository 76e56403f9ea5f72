package expr

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

var testEnv = &Env{Zone: time.UTC}

// evalNode computes a node for one row.
func evalNode(n Node) (vec.Datum, error) {
	p, err := Compile(n, testEnv)
	if err != nil {
		return vec.NullDatum, err
	}
	c := &Ctx{Env: testEnv}
	b := &vec.Batch{N: 1}
	v := p.Eval(c, b, nil)
	if len(c.Errs) > 0 {
		return vec.NullDatum, c.Errs[0].Err
	}
	return v.Get(0), nil
}

// valueOf is a value as the JSON of test cases has it.
func valueOf(d vec.Datum, t types.Type) any {
	if d.Null {
		return nil
	}
	switch t.Kind {
	case types.Boolean:
		return d.Bool()
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt:
		return float64(d.I)
	case types.Float, types.Double:
		return d.F
	case types.Binary, types.Varbinary:
		return map[string]any{"$bytes": hex.EncodeToString(d.B)}
	case types.Array:
		out := []any{}
		for _, e := range vec.Elems(d.B, *t.Elem) {
			out = append(out, valueOf(e, *t.Elem))
		}
		return out
	case types.Row:
		out := []any{}
		for i, e := range vec.RowFields(d.B, t.Fields) {
			out = append(out, valueOf(e, t.Fields[i].Type))
		}
		return out
	case types.Map:
		k, v := vec.MapParts(d.B)
		out := []any{}
		for i := range vec.ArrayLen(k) {
			out = append(out, []any{valueOf(vec.ArrayAt(k, *t.Key, i), *t.Key), valueOf(vec.ArrayAt(v, *t.Elem, i), *t.Elem)})
		}
		return map[string]any{"$map": out}
	case types.Timestamp:
		return string(appendISO(nil, d, false))
	}
	return string(FormatDatum(nil, d, t, testEnv))
}

// jsonOf is a value as text, the entries of maps in order.
func jsonOf(v any) string {
	b, _ := json.Marshal(sorted(v))
	return string(b)
}

func sorted(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = sorted(v[i])
		}
		return out
	case map[string]any:
		entries, ok := v["$map"].([]any)
		if !ok {
			return v
		}
		out := sorted(entries).([]any)
		sort.Slice(out, func(i, j int) bool { return jsonOf(out[i]) < jsonOf(out[j]) })
		return map[string]any{"$map": out}
	}
	return v
}

// sqlCase is a case as the conformance files have them.
type sqlCase struct {
	SQL    string `json:"sql"`
	Expect any    `json:"expect"`
	As     string `json:"as"`
	Type   string `json:"type"`
	Error  bool   `json:"error"`
}

// run reports what is wrong with a case, or that the parser of these tests does not know
// its form.
func (c sqlCase) run() (problem string, known bool) {
	n, err := parseSQLTest(c.SQL)
	if call, ok := n.(*Call); c.As == "text" && err == nil && (!ok || !ownCategories[call.Func.Category]) {
		return "not a function of these files", false
	}
	if _, unknown := err.(syntaxFailure); unknown {
		return err.Error(), false
	}
	var d vec.Datum
	if err == nil {
		d, err = evalNode(n)
	}
	if err != nil || c.Error {
		if (err != nil) != c.Error {
			return fmt.Sprintf("error %v, value %v", err, d), true
		}
		return "", true
	}
	var got any
	switch {
	case c.As == "text" && !d.Null:
		got = string(FormatDatum(nil, d, n.Type(), testEnv))
	default:
		got = valueOf(d, n.Type())
	}
	if jsonOf(got) != jsonOf(c.Expect) {
		return fmt.Sprintf("%s, want %s", jsonOf(got), jsonOf(c.Expect)), true
	}
	if d.Null && n.Type().NotNull {
		return "NULL of type " + n.Type().String(), true
	}
	plain := strings.NewReplacer(" NOT NULL", "")
	if want := plain.Replace(c.Type); want != "" && plain.Replace(n.Type().String()) != want {
		return fmt.Sprintf("type %s, want %s", n.Type(), c.Type), true
	}
	return "", true
}

func runCases(t *testing.T, cases []sqlCase) {
	t.Helper()
	for _, c := range cases {
		if problem, _ := c.run(); problem != "" {
			t.Errorf("%s: %s", c.SQL, problem)
		}
	}
}
