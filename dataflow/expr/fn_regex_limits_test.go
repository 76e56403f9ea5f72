package expr

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/expr/internal/javaregex"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// Patterns from columns take a bounded amount of memory, however many there are and however they
// are written; those above the limits are errors of their row.
func TestRegexMemoIsBounded(t *testing.T) {
	heap := func() int64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	for _, c := range []struct {
		unit    string
		n       int
		refused error // nil: by its length alone
	}{
		{`\p{L}`, 20_000, nil}, {`x*(y)|`, 20_000, nil},
		{`\p{L}`, 800, javaregex.ErrLarge}, {`\p{L}{1000}x{999}`, 60, javaregex.ErrLarge}, {`(?:a{1000}|)`, 200, javaregex.ErrLarge},
	} {
		var m regexMemo
		re, err := m.get([]byte(strings.Repeat(c.unit, c.n)))
		if re != nil || err == nil || !strings.Contains(err.Error(), "at most where it is not written in the query") || c.refused != nil && !errors.Is(err, c.refused) {
			t.Errorf("%d times %s: %v", c.n, c.unit, err)
		}
		if len(err.Error()) > 300 {
			t.Errorf("the error has %d bytes", len(err.Error()))
		}
	}
	for _, unit := range []string{`\p{L}`, `x{1000}`, `x*(y)|`, `[^ab-z]+?`, `(?i)k`, `(?:\p{L}{300})?`} {
		var m regexMemo
		before, kept := heap(), 0
		for i := range 120 {
			p := fmt.Sprint(i) + unit
			for ; len(p) < 90; p += unit {
			}
			re, err := m.get([]byte(p))
			if err != nil || re == nil {
				t.Fatalf("%s: %v", unit, err)
			}
			if again, _ := m.get([]byte(p)); again != re {
				t.Errorf("%s is compiled anew", unit)
			}
			kept = max(kept, len(m.byText))
		}
		if took := heap() - before; took > 6*regexMemoMax {
			t.Errorf("%s: %d patterns take %d bytes", unit, kept, took)
		} else {
			t.Logf("%s: %d patterns, %d kB, estimated %d kB", unit, kept, took>>10, m.bytes>>10)
		}
		runtime.KeepAlive(&m)
	}
}

// The pattern of a row is bounded for SIMILAR TO, which compiles it, and not for LIKE.
func TestLongSimilarPattern(t *testing.T) {
	long := strings.Repeat("x", regexTextMax+1)
	for name, compile := range map[string]func(string, string) (matcher, error){"LIKE": compileLike, "SIMILAR TO": compileSimilar} {
		r, err := resolvePattern(name, []Node{&Col{T: types.TString}, &Col{Index: 1, T: types.TString}}, compile)
		if err != nil {
			t.Fatal(err)
		}
		var c RowCtx
		for text, fails := range map[string]bool{long: name == "SIMILAR TO", long[1:]: false} {
			d, err := r.Impl.Row(&c, []vec.Datum{vec.StringDatum(text), vec.StringDatum(text)})
			if (err != nil) != fails || err == nil && d.I != 1 {
				t.Errorf("%s of %d bytes: %v, %v", name, len(text), d, err)
			}
		}
	}
}
