package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/dataflow/format"
	"github.com/edgeflow/edgeflow/dataflow/types"
	"github.com/nats-io/nats.go"
)

// TestKills compares queries and a pattern whose processes are killed.
func TestKills(t *testing.T) {
	texts(t)
	var out strings.Builder
	names := []string{"q6", "q13", "pattern q0"}
	err := run(&out, options{queries: published, events: 40_000, rate: 100_000, only: names, kills: 2, seed: 3, pace: 20_000})
	if n := strings.Count(out.String(), " equal "); err != nil || n != len(names) || strings.Count(out.String(), "; 2 kills, restored epoch") != n {
		t.Errorf("%d equal, %v\n%s", n, err, out.String())
	}
}

// TestKillsInTheMiddle refuses what would not be killed on the way, and finds that a process
// ended before it was.
func TestKillsInTheMiddle(t *testing.T) {
	set := texts(t)
	var out strings.Builder
	o := options{queries: published, events: 1000, rate: 10_000, only: []string{"q2"}, kills: 5, pace: 1_000_000}
	if err := run(&out, o); err == nil || !strings.Contains(out.String(), "too soon to kill") {
		t.Errorf("%v\n%s", err, out.String())
	}
	k, err := newKiller(set, o)
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	text, _, err := k.script("q2")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "q2.sql")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// No process reads more events than there are.
	if err := k.strike(&trial{}, file, t.TempDir(), o.events+1); err == nil || !strings.Contains(err.Error(), "kill 1 of 5: the process ended with") {
		t.Errorf("%v", err)
	}
}

// TestReader wants each row once and in order.
func TestReader(t *testing.T) {
	columns := []format.Column{{Name: "a", Type: types.TBigInt}}
	r, err := newReader(columns)
	if err != nil {
		t.Fatal(err)
	}
	message := func(sequence, kind, data string) error {
		return r.message(nats.Header{"Edgeflow-Sequence": {sequence}, "Edgeflow-Kind": {kind}}, []byte(data))
	}
	for _, m := range [][3]string{{"1-2", "", "{\"a\":1}\n{\"a\":2}"}, {"3-3", "-U", `{"a":1}`}, {"4-4", "+U", `{"a":5}`}} {
		if err := message(m[0], m[1], m[2]); err != nil {
			t.Fatal(err)
		}
	}
	if r.rows.rows() != 2 || r.rows.count["5"] != 1 || r.rows.err != nil {
		t.Errorf("%v, %v", r.rows.count, r.rows.err)
	}
	for _, m := range [][3]string{{"4-4", "", `{"a":1}`}, {"6-6", "", `{"a":1}`}, {"", "", `{"a":1}`}, {"5-5", "?", `{"a":1}`}, {"5-6", "", `{"a":1}`}, {"7-7", "", `{"a":"x"}`}} {
		if err := message(m[0], m[1], m[2]); err == nil {
			t.Errorf("a message of %v is taken", m)
		}
	}
}
