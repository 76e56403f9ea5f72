package format

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/types"
)

// TestShortTimestampIsTimestamp compares the reader of the usual form with the general one,
// over texts that are near it.
func TestShortTimestampIsTimestamp(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	read := 0
	for range 200_000 {
		typ := types.Type{Kind: types.Timestamp, Prec: r.Intn(7)}
		if r.Intn(8) == 0 {
			typ.Kind = types.TimestampLTZ
		}
		ct, err := compileType(typ, []timeStandard{standardSQL, standardISO, standardISOOffset}[r.Intn(3)])
		if err != nil {
			t.Fatal(err)
		}
		s := []byte(fmt.Sprintf(`"%04d-%02d-%02d%c%02d:%02d:%02d.%03d"`, 1900+r.Intn(300), r.Intn(14), r.Intn(33), " T"[r.Intn(2)], r.Intn(25), r.Intn(61), r.Intn(61), r.Intn(1000)))
		if r.Intn(4) == 0 {
			s[r.Intn(len(s))] = `0123456789-:. TZ+"\x`[r.Intn(20)]
		}
		got, ok := shortTimestamp(s, 0, ct)
		if !ok {
			continue
		}
		read++
		want, sub, ok := parseTimestamp(s[1:len(s)-1], ct, false)
		if !ok || got != want || sub != 0 {
			t.Fatalf("%s as %s: %d, want %d %d %v", s, typ, got, want, sub, ok)
		}
		if _, ok := shortTimestamp(s[:len(s)-1], 0, ct); ok {
			t.Fatalf("%s without its end is read", s)
		}
	}
	if read < 1000 {
		t.Errorf("only %d timestamps were read", read)
	}
}

// Years that four digits do not hold are written as ISO 8601 has them.
func TestYearsBeyondFourDigits(t *testing.T) {
	for _, c := range []struct {
		year int
		want string
	}{{9999, "9999-01-02"}, {10000, "+10000-01-02"}, {294247, "+294247-01-02"}, {1234567, "+1234567-01-02"}, {0, "0000-01-02"}, {-1, "-0001-01-02"}, {-290308, "-290308-01-02"}} {
		if got := string(appendDate(nil, daysFromCivil(c.year, 1, 2))); got != c.want {
			t.Errorf("the year %d: %s, want %s", c.year, got, c.want)
		}
	}
}
