package crashtest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

var (
	kills   = flag.Int("kills", 200, "how many times a process is killed")
	beacons = flag.Int("beacons", 60_000, "how many beacons the input has")
	seed    = flag.Uint64("seed", 1, "seed of the places and moments of kills")
)

// place is where processes are killed. Point is a failpoint, hit up to most times; empty
// stands for a random moment.
type place struct {
	name, point string
	most        int
}

var places = []place{
	{"page write", "checkpoint.page-write", 60},
	{"between commit and publish", "checkpoint.after-commit", 6},
	{"between publish and acknowledgement", "forward.after-publish", 12},
	{"between acknowledgement and deletion", "forward.after-ack", 8},
	{"at a random moment", "", 0},
	{"page write", "checkpoint.before-commit", 6},
	{"between commit and publish", "forward.before-publish", 12},
	{"between acknowledgement and deletion", "forward.before-delete", 8},
	{"at a random moment", "", 0},
}

// TestKills kills processes of the QoE pipeline again and again, at named places and at random
// moments, and wants the hub to hold what an undisturbed process leaves there, in the same
// order, each row once.
func TestKills(t *testing.T) {
	w := newWorld(t, *beacons)
	whole := filepath.Join(w.dir, "undisturbed")
	began := time.Now()
	if w.wait(w.start(whole, ""), 0) {
		t.Fatal("the undisturbed process was killed")
	}
	took := time.Since(began)
	want := w.take(whole)
	if len(want.rows["qoe.10s"]) == 0 || len(want.rows["qoe.1m"]) == 0 || len(want.rows["qoe.errors"]) == 0 || len(want.rows[totals]) != 8 || len(want.rows) != 5 {
		t.Fatalf("the undisturbed process left little: %s", want)
	}
	t.Logf("undisturbed: %v, %s", took.Round(time.Millisecond), want)

	rnd := rand.New(rand.NewPCG(*seed, 0))
	done := map[string]int{}
	total, unhurt, trial := 0, 0, 0
	for ; total < *kills; trial++ {
		data := filepath.Join(w.dir, fmt.Sprintf("trial-%d", trial))
		for {
			at, points, after := places[total%len(places)], "", time.Duration(0)
			switch {
			case total >= *kills:
			case at.point == "":
				after = time.Duration(rnd.Int64N(int64(took)) + 1)
			default:
				points = fmt.Sprintf("%s=kill:%d", at.point, 1+rnd.IntN(at.most))
			}
			if !w.wait(w.start(data, points), after) {
				if total < *kills {
					unhurt++
				}
				break
			}
			total++
			done[at.name]++
			if at.point != "" {
				done["  "+at.point]++
			}
		}
		if unhurt > *kills {
			t.Fatalf("%d processes ended before they were killed", unhurt)
		}
		got := w.take(data)
		if lost, repeated := compare(t, fmt.Sprintf("trial %d", trial), want, got); lost+repeated > 0 {
			t.Errorf("trial %d: %d rows lost, %d repeated", trial, lost, repeated)
		}
	}
	t.Logf("%d kills in %d trials, nothing lost, nothing repeated unless said above:", total, trial)
	for _, p := range places {
		if n := done[p.name]; n > 0 {
			t.Logf("%5d %s", n, p.name)
			done[p.name] = 0
		}
	}
	for _, p := range places {
		if n := done["  "+p.point]; n > 0 {
			t.Logf("%5d of them at %s", n, p.point)
		}
	}
}

func (r *result) String() string {
	s := ""
	for name, rows := range r.rows {
		s += fmt.Sprintf("%d rows in %s; ", len(rows), name)
	}
	return s
}

// compare wants the same rows in the same order, each once, and counts what is not so.
func compare(t *testing.T, trial string, want, got *result) (lost, repeated int) {
	t.Helper()
	for name := range got.rows {
		if want.rows[name] == nil {
			t.Errorf("%s: %s has rows, and the undisturbed run none", trial, name)
		}
	}
	for name, rows := range want.rows {
		seen := map[row]int{}
		for _, r := range got.rows[name] {
			if seen[r]++; seen[r] > 1 && r.sequence != "" {
				repeated++
			}
		}
		for _, r := range rows {
			if seen[r] == 0 {
				lost++
			}
		}
		for i, r := range rows {
			if i >= len(got.rows[name]) {
				t.Errorf("%s: %s ends after %d of %d rows", trial, name, i, len(rows))
				break
			}
			if g := got.rows[name][i]; g != r {
				t.Errorf("%s: row %d of %s is\n%+v\ninstead of\n%+v", trial, i, name, g, r)
				break
			}
		}
		if len(got.rows[name]) > len(rows) {
			t.Errorf("%s: %s has %d rows instead of %d", trial, name, len(got.rows[name]), len(rows))
		}
	}
	return lost, repeated
}
