package expr

import (
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/vec"
)

// The reason of a row that fails quotes the start of a long value, not all of it.
func TestReasonsQuoteTheStartOfAValue(t *testing.T) {
	long := vec.StringDatum(strings.Repeat("!", 10_000))
	if _, err := fromBase64Row(&RowCtx{}, []vec.Datum{long}); err == nil || len(err.Error()) > 200 {
		t.Errorf("%.300v", err)
	}
	if got := clip([]byte("short")); string(got) != "short" {
		t.Errorf("%q", got)
	}
}
