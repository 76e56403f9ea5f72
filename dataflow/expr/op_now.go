package expr

import (
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// The functions of the current time take the row's arrival time, so that they
// give the same result whenever the row is computed again.

func init() {
	ltz, local := types.TimestampLTZOf(3), types.TimestampOf(3)
	proc := ltz
	proc.Attr = types.ProcTime
	for _, f := range []struct {
		name, doc string
		t         types.Type
	}{
		{"CURRENT_TIMESTAMP", "The row's arrival time.", ltz},
		{"NOW", "The row's arrival time.", ltz},
		{"CURRENT_ROW_TIMESTAMP", "The row's arrival time.", ltz},
		{"PROCTIME", "The row's arrival time, as a processing-time attribute.", proc},
		{"LOCALTIMESTAMP", "The row's arrival time in the session's time zone.", local},
		{"CURRENT_DATE", "The date of the row's arrival in the session's time zone.", types.TDate},
		{"CURRENT_TIME", "The time of the row's arrival in the session's time zone.", types.TTime},
		{"LOCALTIME", "The time of the row's arrival in the session's time zone.", types.TTime},
	} {
		Register(&Func{Name: f.name, Signature: f.name, Doc: f.doc, Category: "temporal", Volatile: true,
			Resolve: func(args []Node) (Resolved, error) {
				return Resolved{Type: f.t.Required(), Impl: Impl{Row: arrivalRow(f.t)}}, argCount(f.name, args, 0, 0)
			}})
	}
}

func arrivalRow(t types.Type) RowFunc {
	return func(c *RowCtx, _ []vec.Datum) (vec.Datum, error) {
		micros := c.Arrival * microsPerMilli
		if t.Kind != types.TimestampLTZ {
			micros = toLocal(micros, zoneOf(c.Env))
		}
		switch t.Kind {
		case types.Date:
			return vec.IntDatum(floorDiv(micros, microsPerDay)), nil
		case types.Time:
			return vec.IntDatum(floorMod(micros, microsPerDay) / microsPerSecond * millisPerSecond), nil
		}
		return vec.IntDatum(micros), nil
	}
}
