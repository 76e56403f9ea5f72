package wiring

import (
	"errors"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow"
	"github.com/edgeflow/edgeflow/dataflow/state"
	forward "github.com/edgeflow/edgeflow/sync"
)

// outbox has frames of 10 rows each; that of "broken" cannot be read.
type outbox map[string]int

var errBroken = errors.New("broken")

func (o outbox) OutboxStats(name string) (state.OutboxStats, error) {
	if name == "broken" {
		return state.OutboxStats{}, errBroken
	}
	return state.OutboxStats{Rows: int64(o[name] * 10)}, nil
}

func (o outbox) OutboxScan(name string, after uint64, fn func(state.OutboxFrame) (bool, error)) error {
	for i := range o[name] {
		f := state.OutboxFrame{Output: name, First: uint64(i*10 + 101), Last: uint64(i*10 + 110), Rows: 10}
		if f.Last <= after {
			continue
		}
		if more, err := fn(f); err != nil || !more {
			return err
		}
	}
	return nil
}

func TestAccount(t *testing.T) {
	for name, c := range map[string]struct {
		frames int
		acc    forward.Account
		want   int64
	}{
		"empty":                 {0, forward.Account{Cursor: 100, Confirmed: 100}, 0},
		"nothing confirmed yet": {3, forward.Account{Cursor: 100, Confirmed: 100}, 30},
		"in the midst of one":   {3, forward.Account{Cursor: 114, Confirmed: 114}, 16},
		"at the end of one":     {3, forward.Account{Cursor: 110, Confirmed: 110}, 20},
		"dropped beyond":        {3, forward.Account{Cursor: 104, DroppedTo: 120, Confirmed: 104, Dropped: 16}, 10},
		"all, not deleted yet":  {3, forward.Account{Cursor: 130, Confirmed: 130}, 0},
	} {
		l := &dataflow.Ledger{Outputs: []dataflow.NamedOutput{{Name: "other"}, {Name: "a"}}}
		if err := Account(l, []forward.Status{{Name: "a", Account: c.acc}}, outbox{"a": c.frames}); err != nil {
			t.Fatal(err)
		}
		o := l.Outputs[1]
		if o.InOutbox != c.want || o.Confirmed != int64(c.acc.Confirmed) || o.Dropped != int64(c.acc.Dropped) || l.Outputs[0].OutputLedger != (dataflow.OutputLedger{}) {
			t.Errorf("%s: %+v, want %d in the outbox", name, o, c.want)
		}
	}
}

func TestAccountNamesWhatItCannotRead(t *testing.T) {
	l := &dataflow.Ledger{Outputs: []dataflow.NamedOutput{{Name: "broken"}, {Name: "a"}}}
	err := Account(l, []forward.Status{{Name: "broken"}, {Name: "a"}}, outbox{"a": 1})
	if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), `"broken"`) {
		t.Errorf("%v", err)
	}
	if l.Outputs[1].InOutbox != 10 {
		t.Error("the other output is not accounted for")
	}
}

func TestOutputStatesOfAFirstStart(t *testing.T) {
	if s := OutputStates(nil); s != nil {
		t.Errorf("%v", s)
	}
}
