package expr

import (
	"math"
	"math/big"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

func TestCalendarAgreesWithTime(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 5000 {
		days := r.Int63n(3_000_000) - 1_000_000
		at := time.Unix(days*86_400, 0).UTC()
		y, m, d := civil(days)
		if at.Year() != int(y) || int(at.Month()) != int(m) || at.Day() != int(d) || daysOf(y, m, d) != days {
			t.Fatalf("day %d is %d-%d-%d, want %s", days, y, m, d, at)
		}
		iso, week := at.ISOWeek()
		if isoYear(days) != int64(iso) || (days-isoStart(isoYear(days)))/7+1 != int64(week) {
			t.Fatalf("%s: ISO year %d", at, isoYear(days))
		}
	}
}

func TestZones(t *testing.T) {
	zone, err := ParseZone("Europe/Berlin")
	if err != nil {
		t.Skip("no time zone data")
	}
	r := rand.New(rand.NewSource(2))
	for range 2000 {
		micros := r.Int63n(4e15)
		if back := fromLocal(toLocal(micros, zone), zone); back != micros {
			// Only the hour that a clock change repeats maps to its first occurrence.
			if d := micros - back; d != 3600*microsPerSecond {
				t.Fatalf("instant %d comes back as %d", micros, back)
			}
		}
	}
	if _, err := ParseZone("Mars/Olympus"); err == nil {
		t.Fatal("an unknown zone is found")
	}
}

func TestDatePatterns(t *testing.T) {
	for _, c := range []struct{ pattern, text string }{
		{"yyyy-MM-dd HH:mm:ss.SSS", "2024-02-09 17:03:05.120"},
		{"yyyyMMddHHmmss", "20240209170305"},
		{"dd MMM yyyy, hh:mm a", "09 Feb 2024, 05:03 PM"},
		{"EEEE d MMMM yyyy", "Friday 9 February 2024"},
		{"yyyy-MM-dd'T'HH:mm:ss.SSSSSSSSS", "2024-02-09T17:03:05.120000001"},
		{"yyyy-DDD", "2024-040"},
		{"yyyy 'o''clock' H", "2024 o'clock 17"},
	} {
		p, err := compileDatePattern(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		micros, nanos, _, ok := p.parse([]byte(c.text), false)
		if !ok {
			t.Errorf("%q does not parse by %q", c.text, c.pattern)
			continue
		}
		if got := string(p.format(nil, micros/microsPerSecond, micros%microsPerSecond*1000+nanos, time.UTC, false)); got != c.text {
			t.Errorf("%q prints %q, want %q", c.pattern, got, c.text)
		}
	}
	for _, bad := range []string{"2024-13-01", "2024-02-30", "2024-2-1", "24-02-01", "2024-02-01x", ""} {
		p, _ := compileDatePattern("yyyy-MM-dd")
		if _, _, _, ok := p.parse([]byte(bad), false); ok {
			t.Errorf("%q parses", bad)
		}
	}
}

func randomInt128(r *rand.Rand) Int128 {
	x := Int128{Hi: int64(r.Uint64()), Lo: r.Uint64()}
	for range r.Intn(3) {
		x, _ = x.QuoRem(Int128Of(r.Int63()>>uint(r.Intn(62)) | 1))
	}
	return x
}

func TestInt128AgreesWithBig(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	for range 20_000 {
		x, y := randomInt128(r), randomInt128(r)
		bx, by := x.big(), y.big()
		if got, _ := int128Of(bx); x.Hi != math.MinInt64 && got != x {
			t.Fatalf("%v comes back as %v", x, got)
		}
		if x.Cmp(y) != bx.Cmp(by) {
			t.Fatalf("%s cmp %s", bx, by)
		}
		p, ok := x.Mul(y)
		want, fits := int128Of(new(big.Int).Mul(bx, by))
		if ok != fits || ok && p != want {
			t.Fatalf("%s * %s = %v %v, want %v %v", bx, by, p, ok, want, fits)
		}
		if y.Sign() != 0 && x.Hi != math.MinInt64 && y.Hi != math.MinInt64 {
			q, rem := x.QuoRem(y)
			wq, wr := new(big.Int).QuoRem(bx, by, new(big.Int))
			if q.big().Cmp(wq) != 0 || rem.big().Cmp(wr) != 0 {
				t.Fatalf("%s / %s", bx, by)
			}
		}
		if s := string(x.Append(nil, 0)); s != bx.String() && x.Hi != math.MinInt64 {
			t.Fatalf("%s prints %s", bx, s)
		}
	}
}

func TestAccurateFunctions(t *testing.T) {
	// Correctly rounded values, computed with 50 digits.
	for _, c := range []struct{ got, want float64 }{
		{accSin(2.5), 0.5984721441039565}, {accExp(43), 4.7278394682293463e18},
		{accPow(2, 0.5), math.Sqrt2}, {accPow(-2, 3), -8}, {accLog(10), math.Ln10}, {accLog10(1000), 3},
		{accTan(0.5), 0.5463024898437905}, {accSin(1e22), math.Sin(1e22)},
		{accExp(0), 1}, {accPow(0, 0), 1},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	r := rand.New(rand.NewSource(4))
	for range 3000 {
		x := r.NormFloat64() * 5
		for name, p := range map[string][2]float64{
			"exp": {accExp(x), math.Exp(x)}, "sin": {accSin(x), math.Sin(x)}, "cos": {accCos(x), math.Cos(x)},
			"tanh": {fdTanh(x), math.Tanh(x)}, "atan": {fdAtan(x), math.Atan(x)}, "log": {accLog(math.Abs(x)), math.Log(math.Abs(x))},
			"pow": {accPow(math.Abs(x), 1.7), math.Pow(math.Abs(x), 1.7)},
		} {
			if d := math.Abs(p[0] - p[1]); d > 4e-15*math.Max(math.Abs(p[1]), 0.05) {
				t.Fatalf("%s(%v) = %v, the library has %v", name, x, p[0], p[1])
			}
		}
	}
}

func TestJavaRandomSequence(t *testing.T) {
	// java.util.Random(10).nextDouble() and Random(5).nextInt(10), by its documentation.
	if got := newJavaRandom(10).double(); got != 0.7304302967434272 {
		t.Errorf("double %v", got)
	}
	if got := newJavaRandom(5).below(10); got != 7 {
		t.Errorf("below %v", got)
	}
}

func TestRandomIsFixedByOrigin(t *testing.T) {
	b := &vec.Batch{N: 100}
	for i := range b.N {
		b.Origin = append(b.Origin, vec.Origin{Seq: uint64(i / 2), Row: uint32(i % 2)})
	}
	eval := func(seed uint64, n Node) []string {
		p, err := Compile(n, &Env{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		v := p.Eval(&Ctx{}, b, nil)
		var out []string
		for i := range b.N {
			out = append(out, string(FormatDatum(nil, v.Get(i), n.Type(), nil)))
		}
		return out
	}
	for _, n := range []Node{call("RAND"), call("UUID")} {
		first, again, other := eval(1, n), eval(1, n), eval(2, n)
		seen := map[string]bool{}
		for i := range first {
			if first[i] != again[i] || first[i] == other[i] || seen[first[i]] {
				t.Fatalf("%s: row %d: %s, %s, %s", n, i, first[i], again[i], other[i])
			}
			seen[first[i]] = true
		}
	}
	two := eval(1, call("-", call("RAND"), call("RAND")))
	for _, s := range two {
		if s == "0.0" {
			t.Fatal("two calls of one row give the same number")
		}
	}
	if types.TDouble.NotNull {
		t.Fatal("types.TDouble changed")
	}
}

// Years of other than four digits are printed as Flink prints them: DATE_FORMAT by Java's
// DateTimeFormatter, FROM_UNIXTIME by its SimpleDateFormat, which takes milliseconds that wrap.
func TestYearsBeyondFourDigits(t *testing.T) {
	for _, c := range []struct {
		year          int64
		pattern, want string
		lenient       bool
	}{
		{9999, "yyyy", "9999", false}, {10000, "yyyy", "+10000", false}, {10000, "yyyy", "10000", true}, {10000, "y", "10000", false},
		{10000, "yyyyy", "10000", false}, {100000, "yyyyy", "+100000", false}, {12345, "yy", "45", false},
		{0, "yyyy", "0001", false}, {-1, "yyyy", "0002", true}, {0, "uuuu", "0000", false}, {-1, "uuuu", "-0001", false}, {-12345, "uu", "45", false},
		{1, strings.Repeat("y", 30), strings.Repeat("0", 29) + "1", false},
	} {
		p, err := compileDatePattern(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(p.format(nil, daysOf(c.year, 1, 1)*secondsPerDay, 0, time.UTC, c.lenient)); got != c.want {
			t.Errorf("the year %d by %q is %q, want %q", c.year, c.pattern, got, c.want)
		}
	}
	runCases(t, []sqlCase{
		{SQL: "FROM_UNIXTIME(253402300800)", Expect: "10000-01-01 00:00:00"},
		{SQL: "FROM_UNIXTIME(9223372036854)", Expect: "294247-01-10 04:00:54"},
		{SQL: "FROM_UNIXTIME(9223372036855)", Expect: "294247-01-10 04:00:55"},
		{SQL: "FROM_UNIXTIME(9223372036854775, 'yyyy-MM-dd HH:mm:ss X')", Expect: "292278994-08-17 07:12:55 Z"},
		{SQL: "FROM_UNIXTIME(9223372036854775807)", Expect: "1969-12-31 23:59:59"},
	})
}
