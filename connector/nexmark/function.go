package nexmark

import (
	"fmt"
	"unicode/utf8"

	"github.com/edgeflow/edgeflow/dataflow/expr"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// countCharClass is the class of the function of query 14.
const countCharClass = "com.github.nexmark.flink.udf.CountChar"

// Functions are the functions of the benchmark by their class names, for CREATE FUNCTION.
func Functions() map[string]*expr.Func {
	return map[string]*expr.Func{countCharClass: {
		Name: "COUNT_CHAR", Signature: "COUNT_CHAR(s, c)", Category: "string",
		Doc:     "How often the first character of c occurs in s; NULL when s is.",
		Resolve: resolveCountChar,
	}}
}

func resolveCountChar(args []expr.Node) (expr.Resolved, error) {
	if len(args) != 2 {
		return expr.Resolved{}, fmt.Errorf("COUNT_CHAR takes 2 arguments, not %d", len(args))
	}
	for i, a := range args {
		if t := a.Type(); !t.IsString() && t.Kind != types.Null {
			return expr.Resolved{}, fmt.Errorf("argument %d of COUNT_CHAR is a character string, not %s", i+1, t)
		}
	}
	return expr.Resolved{Type: types.TBigInt, Args: []types.Type{types.TString, types.TString}, Impl: expr.Impl{Row: countChar}}, nil
}

func countChar(_ *expr.RowCtx, args []vec.Datum) (vec.Datum, error) {
	s, c := args[0].B, args[1].B
	if len(c) == 0 {
		return vec.NullDatum, nil
	}
	want, _ := utf8.DecodeRune(c)
	n := int64(0)
	if want < utf8.RuneSelf {
		for _, b := range s {
			if b == byte(want) {
				n++
			}
		}
		return vec.IntDatum(n), nil
	}
	for len(s) > 0 {
		r, size := utf8.DecodeRune(s)
		if r == want {
			n++
		}
		s = s[size:]
	}
	return vec.IntDatum(n), nil
}
