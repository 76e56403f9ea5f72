package format

import (
	"bytes"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// shallow makes a stack of more than a few MiB fatal while a test runs: what is nested
// much deeper must be refused or passed without a call a level.
func shallow(t *testing.T) {
	old := debug.SetMaxStack(8 << 20)
	t.Cleanup(func() { debug.SetMaxStack(old) })
}

// nestedDecls are types of a declared depth, with a message of it.
func nestedType(depth int) types.Type {
	t := types.TBigInt
	for range depth {
		t = types.ArrayOf(t)
	}
	return t
}

func TestJSONNestsToItsBound(t *testing.T) {
	shallow(t)
	s := Schema{Columns: []Column{{Name: "n", Type: types.TBigInt, Path: []string{"n"}}}}
	for _, open := range []string{"[", `{"a":`, `[{"b":1,"a":`} {
		unit := strings.Count(open, "[") + strings.Count(open, "{")
		shut := map[string]string{"[": "]", `{"a":`: "}", `[{"b":1,"a":`: "}]"}[open]
		for levels, want := range map[int]int{jsonDepthMax: 1, jsonDepthMax + unit: 0, 1 << 20: 0} {
			n := levels / unit
			msg := `{"x":` + strings.Repeat(open, n) + "0" + strings.Repeat(shut, n) + `,"n":1}`
			rows, bads, _ := decodeAll(t, "json", s, nil, []byte(msg+"\n"+`{"n":2}`), 0)
			if len(rows) != want+1 || len(bads) != 1-want || rows[len(rows)-1] != `{"n":2}` {
				t.Errorf("%d times %q: %d rows, %d refused", n, open, len(rows), len(bads))
			}
		}
		// What is opened and never closed is no stack either.
		if rows, bads, _ := decodeAll(t, "json", s, nil, []byte(strings.Repeat(open, 1<<18)), 0); len(rows) > 0 || len(bads) == 0 {
			t.Errorf("%q, not closed: %d rows, %d refused", open, len(rows), len(bads))
		}
	}
}

// In msgpack levels that the query does not use are passed without a stack, however many.
func TestMsgpackPassesAnyDepth(t *testing.T) {
	shallow(t)
	s := Schema{Columns: []Column{{Name: "n", Type: types.TBigInt, Path: []string{"n"}}}}
	for _, unit := range []string{"\x91", "\x81\xa1a", "\x81\x91\xc0"} { // an array, a map, a map whose key is an array
		for _, n := range []int{1, 512, 1 << 20} {
			msg := "\x82\xa1x" + strings.Repeat(unit, n) + "\x00\xa1n\x01"
			rows, bads, _ := decodeAll(t, "msgpack", s, nil, []byte(msg), 0)
			if len(rows) != 1 || len(bads) != 0 || rows[0] != `{"n":1}` {
				t.Errorf("%d times %q: %d rows, %d refused", n, unit, len(rows), len(bads))
			}
			if rows, bads, _ = decodeAll(t, "msgpack", s, nil, []byte(msg[:len(msg)-4]), 0); len(rows) != 0 || len(bads) == 0 {
				t.Errorf("%d times %q, not closed: %d rows, %d refused", n, unit, len(rows), len(bads))
			}
		}
	}
	// Events in arrays of arrays without end.
	for _, unit := range []string{"\x91", "\xdd\x00\x00\x00\x01"} {
		if rows, _, _ := decodeAll(t, "msgpack", s, nil, bytes.Repeat([]byte(unit), 1<<20), 0); len(rows) != 0 {
			t.Errorf("%d rows of %q", len(rows), unit)
		}
	}
}

// What the query uses nests as deep as the column is declared, which the parser of SQL
// bounds; a value that is deeper is refused.
func TestValuesNestAsDeclared(t *testing.T) {
	shallow(t)
	const depth = 399
	s := Schema{Columns: []Column{{Name: "v", Type: nestedType(depth), Path: []string{"v"}}}}
	for _, n := range []int{depth, depth + 1, 1 << 20} {
		jsonText := `{"v":` + strings.Repeat("[", n) + "7" + strings.Repeat("]", n) + "}"
		packed := "\x81\xa1v" + strings.Repeat("\x91", n) + "\x07"
		for form, msg := range map[string]string{"json": jsonText, "msgpack": packed} {
			rows, bads, _ := decodeAll(t, form, s, nil, []byte(msg), 0)
			if ok := n == depth; ok && (len(rows) != 1 || rows[0] != jsonText) || !ok && (len(rows) != 0 || len(bads) == 0) {
				t.Errorf("%s, %d levels: %d rows, %d refused", form, n, len(rows), len(bads))
			}
		}
	}
}
