package expr

import "testing"

func TestVariant(t *testing.T) {
	runCases(t, []sqlCase{
		{SQL: "CAST(PARSE_JSON('[ 1.50 , {\"z\":1e2,\"b\":0.10} ]') AS STRING)", Expect: `[1.5,{"b":0.1,"z":100.0}]`},
		{SQL: "CAST(PARSE_JSON('-0.0') AS STRING)", Expect: "0"},
		{SQL: "CAST(PARSE_JSON('1e40') AS STRING)", Expect: "1.0E40"},
		{SQL: "CAST(PARSE_JSON('123456789012345678901234567890123456789012') AS STRING)", Expect: "1.2345678901234568E41"},
		{SQL: "PARSE_JSON('1e400')", Error: true},
		{SQL: "CAST(ITEM(PARSE_JSON('{\"a\":{\"b\":[7]}}'), 'a') AS STRING)", Expect: `{"b":[7]}`},
		{SQL: "CAST(ITEM(PARSE_JSON('[4, 5]'), 2) AS INT)", Expect: 5},
		{SQL: "ITEM(PARSE_JSON('[4, 5]'), 3)", Expect: nil},
		{SQL: "ITEM(PARSE_JSON('{\"a\":1}'), 'b')", Expect: nil},
		{SQL: "ITEM(PARSE_JSON('{\"a\":1}'), 1)", Error: true},
		{SQL: "ITEM(PARSE_JSON('[1]'), 'a')", Error: true},
		{SQL: "ITEM(PARSE_JSON('[1]'), TRUE)", Error: true},
	})
}
