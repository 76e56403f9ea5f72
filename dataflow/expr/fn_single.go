package expr

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// singleRow is the value of a scalar subquery with a check of its number of rows. It has no
// SQL name: the planner alone puts it above the aggregation that stands for the subquery.
var singleRow = &Func{
	Name: "SINGLE_ROW", Signature: "SINGLE_ROW(value, rows)", Category: "internal",
	Doc: "The value, of a subquery that has at most one row.",
	Resolve: func(args []Node) (Resolved, error) {
		t := args[0].Type().Nullable()
		return Resolved{Type: t, Args: []types.Type{args[0].Type(), types.TBigInt}, Impl: Impl{CallsOnNull: true, Row: func(_ *RowCtx, a []vec.Datum) (vec.Datum, error) {
			if !a[1].Null && a[1].I > 1 {
				return vec.NullDatum, fmt.Errorf("a subquery that is used as a value has %d rows", a[1].I)
			}
			return a[0], nil
		}}}, nil
	},
}

// NewSingleRow is value, or an error at run time where rows, a BIGINT, is above 1.
func NewSingleRow(value, rows Node) (Node, error) { return singleRow.New(value, rows) }
