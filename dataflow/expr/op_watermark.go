package expr

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func init() {
	Register(&Func{
		Name: "CURRENT_WATERMARK", Signature: "CURRENT_WATERMARK(rowtime)", Category: "temporal", Volatile: true,
		Doc: "The newest watermark where the row is computed, NULL before the first.",
		Resolve: func(args []Node) (Resolved, error) {
			if err := argCount("CURRENT_WATERMARK", args, 1, 1); err != nil {
				return Resolved{}, err
			}
			t := args[0].Type()
			if t.Attr != types.RowTime {
				return Resolved{}, fmt.Errorf("CURRENT_WATERMARK takes an event time attribute, not %s", t)
			}
			t = types.Type{Kind: t.Kind, Prec: 3}
			return Resolved{Type: t, Impl: Impl{Row: currentWatermark, CallsOnNull: true}}, nil
		},
	})
}

func currentWatermark(c *RowCtx, _ []vec.Datum) (vec.Datum, error) {
	if !c.HasWatermark {
		return vec.NullDatum, nil
	}
	return vec.IntDatum(c.Watermark * microsPerMilli), nil
}
