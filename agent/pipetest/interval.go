package pipetest

import (
	"regexp"
	"strconv"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Intervals may be written as ISO 8601 periods and durations, as Java prints them:
// P-123M, P1Y2M, PT36H, PT-0.5S.
var (
	periodForm   = regexp.MustCompile(`^P(?:(-?\d+)Y)?(?:(-?\d+)M)?$`)
	durationForm = regexp.MustCompile(`^P(?:(-?\d+)D)?T?(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?\d+(?:\.\d+)?)S)?$`)
)

// isoInterval reads an interval of type t in that form.
func isoInterval(s string, t types.Type) (vec.Datum, bool) {
	form, units := periodForm, []float64{12, 1}
	if t.Kind == types.IntervalDS {
		form, units = durationForm, []float64{86_400_000, 3_600_000, 60_000, 1000}
	}
	m := form.FindStringSubmatch(s)
	if m == nil || len(s) < 3 {
		return vec.NullDatum, false
	}
	n := 0.0
	for i, u := range units {
		if m[i+1] != "" {
			f, err := strconv.ParseFloat(m[i+1], 64)
			if err != nil {
				return vec.NullDatum, false
			}
			n += f * u
		}
	}
	return vec.IntDatum(int64(n)), true
}
