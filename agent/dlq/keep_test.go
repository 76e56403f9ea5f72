package dlq

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/agent"
)

// follow runs the pipeline, which does not end, until so many dead letters lie in files.
func (r *rig) follow(letters uint64) agent.OutputStatus {
	r.t.Helper()
	p, err := agent.Compile("p.sql", strings.Replace(fmt.Sprintf(script, "file"), "'scan.bounded.mode' = 'latest-offset', ", "", 1))
	if err != nil {
		r.t.Fatal(err)
	}
	a, err := agent.New(agent.Options{DataDir: r.data, Instance: r.instance, NATS: agent.Server{URL: r.s.ClientURL()}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		r.t.Fatal(err)
	}
	defer a.Close()
	ctx, stop := context.WithCancel(r.t.Context())
	pl, err := a.Add(ctx, p)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { stop(); <-pl.Done() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		st := pl.Status()
		for _, o := range st.Outputs {
			if o.Name == "dead-letters" && o.Confirmed >= letters {
				return o
			}
		}
		select {
		case <-tick.C:
		case <-pl.Done():
			r.t.Fatalf("the pipeline has ended: %v", pl.Err())
		case <-r.t.Context().Done():
			r.t.Fatal("no letters")
		}
	}
}

// Files of letters that are too old go when new letters come: they are no longer listed nor sent,
// it is told how many went, and replays and restarts go on beside them.
func TestOldLettersGo(t *testing.T) {
	r := newRig(t)
	if o := r.follow(4); o.Removed != 0 {
		t.Errorf("%d were removed at first", o.Removed)
	}
	r.replay(ReplayOptions{Options: r.options("file"), Yes: true})
	parts, err := filepath.Glob(filepath.Join(r.data, "pipelines", "p", "dead-letters", "part-*"))
	if err != nil || len(parts) == 0 {
		t.Fatal(parts, err)
	}
	old := time.Now().Add(-31 * 24 * time.Hour)
	for _, p := range parts {
		if err := os.Chtimes(p, old, old); err != nil {
			t.Fatal(err)
		}
	}
	// What was replayed becomes letters again, in new files; after them nothing is old.
	if o := r.follow(8); o.Removed != 4 {
		t.Errorf("%d dead letters were removed", o.Removed)
	}
	r.publish("in.new", "nonsense, too")
	if o := r.follow(9); o.Removed != 0 {
		t.Errorf("%d dead letters were removed after a start", o.Removed)
	}
	for _, p := range parts {
		if _, err := os.Stat(p); err == nil {
			t.Errorf("%s is there", p)
		}
	}
	var out bytes.Buffer
	if err := List(t.Context(), &out, r.options("file")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "p: the 4 oldest letters of dead-letters are gone, in ") || strings.Contains(out.String(), "of late are gone") {
		t.Errorf("the list does not tell what is gone:\n%s", &out)
	}
	if got, want := r.counts(r.options("file")), "p/dead/decode 3(0) p/dead/compute 1(0) "; !strings.HasPrefix(got, want) {
		t.Errorf("letters: %s\nwant: %s", got, want)
	}
	if got := r.replay(ReplayOptions{Options: r.options("file"), Yes: true}); !strings.Contains(got, "\n1 events sent") {
		t.Errorf("a replay says: %s", got)
	}
}
