package expr

import (
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// FuzzParse checks that no text makes parsing panic, and that what parses prints as text
// that parses to the same value.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"1", "-1.5e3", "NaN", "true", "2024-02-29", "2024-02-29 12:00:00.123Z", "23:59:59.9", "+1-02", "-1 00:00:00.5",
		"yyyy-MM-dd'T'HH:mm:ss.SSSX", "9999999999999999999999999999999999999999", "1e400", "%a_\\"} {
		f.Add([]byte(s), []byte("yyyy-MM-dd"))
	}
	all := []types.Type{
		types.TBoolean, types.TTinyInt, types.TBigInt, types.TFloat, types.TDouble, types.DecimalOf(9, 3), types.DecimalOf(38, 38),
		types.TDate, {Kind: types.Time, Prec: 3}, types.TimestampOf(3), types.TimestampLTZOf(9), {Kind: types.IntervalYM}, {Kind: types.IntervalDS},
		types.CharOf(3), types.VarcharOf(2), types.BinaryOf(4),
	}
	env := &Env{Zone: time.FixedZone("", 7200)}
	f.Fuzz(func(t *testing.T, text, pattern []byte) {
		for _, typ := range all {
			d, err := ParseDatum(text, typ, env)
			if err != nil {
				continue
			}
			s := FormatDatum(nil, d, typ, env)
			again, err := ParseDatum(s, typ, env)
			if err != nil || !sameDatum(d, again) && !(d.F != d.F) {
				t.Fatalf("%s: %q prints %q, which is %+v, error %v, not %+v", typ, text, s, again, err, d)
			}
		}
		if p, err := compileDatePattern(string(pattern)); err == nil {
			for _, lenient := range []bool{false, true} {
				if micros, nanos, _, ok := p.parse(text, lenient); ok {
					p.format(nil, micros/microsPerSecond, nanos, time.UTC, lenient)
				}
			}
		}
		for _, compile := range []func(string, string) (matcher, error){compileLike, compileSimilar} {
			if m, err := compile(string(pattern), ""); err == nil {
				m.match(text)
			}
		}
	})
}
