package agent_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/edgeflow/edgeflow/agent"
)

// tally is a pipeline that has state and an end.
func tally(name string) string {
	return `SET 'pipeline.name' = '` + name + `';
CREATE TABLE s (n INT) WITH ('connector'='datagen','number-of-rows'='10');
CREATE TABLE o (n BIGINT) WITH ('connector'='blackhole');
INSERT INTO o SELECT COUNT(*) FROM s`
}

// ran runs pipelines to their end and returns their folders and the log.
func ran(t *testing.T, dir string, names ...string) (folders []string, log string) {
	t.Helper()
	var scripts []string
	for _, n := range names {
		scripts = append(scripts, tally(n))
	}
	h := newHost(t, dir, nil, scripts...)
	if err := h.Wait(); err != nil {
		t.Fatal(err)
	}
	h.stop()
	entries, err := os.ReadDir(filepath.Join(dir, "pipelines"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		folders = append(folders, e.Name())
	}
	return folders, h.log.String()
}

// Pipelines whose names differ in bytes that no path holds have folders of their own.
func TestNamesThatPathsCannotHoldStayApart(t *testing.T) {
	dir := t.TempDir()
	folders, _ := ran(t, dir, "цех А", "цех Б", "plain-1")
	if len(folders) != 3 || !slices.Contains(folders, "plain-1") {
		t.Fatalf("folders %q", folders)
	}
	// State that lies where earlier builds put it goes on there, and is its pipeline's alone.
	plain := strings.Repeat("-", len("цех А"))
	dir = t.TempDir()
	first, _ := ran(t, dir, "цех А")
	if err := os.Rename(filepath.Join(dir, "pipelines", first[0]), filepath.Join(dir, "pipelines", plain)); err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{{"цех А"}, {"цех Б"}, {"цех А", "цех Б"}, {"цех Б", "цех А"}} {
		folders, log := ran(t, dir, names...)
		if slices.Contains(folders, first[0]) || !slices.Contains(folders, plain) || len(folders) > 2 {
			t.Errorf("%s: folders %q", names, folders)
		}
		if slices.Contains(names, "цех А") && !strings.Contains(log, "pipeline="+plain+" epoch=") {
			t.Errorf("%s: the state is not taken:\n%s", names, log)
		}
	}
	var b strings.Builder
	err := agent.Plan(&b, agent.Script{File: "p.sql", Text: tally("цех А")}, agent.PlanOptions{StateDir: dir})
	if err != nil || !strings.Contains(b.String(), "its state is taken over") {
		t.Errorf("%v\n%s", err, &b)
	}
}

// A pipeline never goes on with the state of another.
func TestStateOfAnotherPipelineIsRefused(t *testing.T) {
	dir := t.TempDir()
	ran(t, dir, "one")
	saved := filepath.Join(dir, "pipelines", "two")
	if err := os.Rename(filepath.Join(dir, "pipelines", "one"), saved); err != nil {
		t.Fatal(err)
	}
	h := newHost(t, dir, nil, tally("two"))
	h.failed("two", saved, "'one'", "'two'", "--reset-state")
	h.stop()
	h = newHost(t, dir, func(o *agent.Options) { o.ResetState = true }, tally("two"))
	h.await("two", "it begins anew", inState(agent.Finished))
}

// Nor with another's savepoint: the plan of its own goes on from it.
func TestSavepointOfAnotherPipelineIsRefused(t *testing.T) {
	endless := func(name string) string {
		return strings.Replace(tally(name), "'number-of-rows'='10'", "'rows-per-second'='1'", 1)
	}
	h := newHost(t, t.TempDir(), listening, endless("one"))
	h.await("one", "it runs", inState(agent.Running))
	var b strings.Builder
	if err := agent.Savepoint(t.Context(), &b, agent.SavepointOptions{Server: "http://" + h.ControlAddr(), Pipeline: "one"}); err != nil {
		t.Fatal(err)
	}
	from := func(o *agent.Options) { o.FromSavepoint = strings.TrimSpace(b.String()) }
	other := newHost(t, t.TempDir(), from, endless("two"))
	other.failed("two", "'one'", "'two'", "savepoint")
	same := newHost(t, t.TempDir(), from, endless("one"))
	same.await("one", "it runs", inState(agent.Running))
}

// Instances of hosts never become one: what tells them apart has to stand in a subject.
func TestInstancesThatSubjectsCannotTellApartAreRefused(t *testing.T) {
	for _, name := range []string{"цех-а", "caf\xe9"} {
		o := agent.Options{DataDir: t.TempDir(), Instance: name}
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "--instance") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if o := (agent.Options{DataDir: t.TempDir(), Instance: "edge.example.com"}); o.Validate() != nil || o.Instance != "edge-example-com" {
		t.Errorf("%q", o.Instance)
	}
}
