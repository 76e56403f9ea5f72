package agent_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/connector/nats/natstest"
	"github.com/edgeflow/edgeflow/dataflow/state/failpoint"
)

// freeAddr is an address that nothing listens at.
func freeAddr(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", natstest.Ports(t, 1)[0])
}

func TestUnreachableSourceIsTriedUntilItIsThere(t *testing.T) {
	addr := freeAddr(t)
	hub := newBroker(t, embedded.Options{})
	h := newHost(t, t.TempDir(), nil, passing("p", "nats://"+addr, hub.ClientURL(), ""))
	st := h.await("p", "the source is missed", inState(agent.Restarting))
	contains(t, st.Error, `nats source "EV"`, addr, "connection refused", "is the server running and reachable?")
	edge := newBroker(t, embedded.Options{Listen: addr})
	edge.events(1, 5)
	hub.awaitRows("RES", "res.p", passed(1, 5))
	says(t, h.log.String, "the source cannot be read; trying again")
}

// Why a server cannot be used, and what to do, stands in the log, the status and the answer to
// a question about health, for the source and for the target; what goes away leaves them.
func TestReasonsOfLostConnections(t *testing.T) {
	edge := newBroker(t, embedded.Options{Listen: freeAddr(t)})
	edge.events(1, 5)
	hub, err := embedded.Start(embedded.Options{StoreDir: t.TempDir(), Listen: "127.0.0.1:0", Users: []embedded.User{{Name: "somebody", Password: "a-long-password-x", Publish: []string{"x"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hub.Shutdown)
	h := newHost(t, t.TempDir(), func(o *agent.Options) { o.Listen = "127.0.0.1:0" }, passing("p", edge.ClientURL(), hub.ClientURL(), ""))
	health := func() string {
		var b bytes.Buffer
		if err := agent.Health(t.Context(), &b, "http://"+h.ControlAddr(), patience); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	st := h.await("p", "the target refuses us", func(st agent.Status) bool {
		return st.State == agent.Running && strings.Contains(resOf(st).Error, "not authorized")
	})
	contains(t, resOf(st).Error, hub.ClientURL(), "'nats.user'")
	says(t, health, "ok\n", "p: output res: hub: no connection to "+hub.ClientURL(), "not authorized")
	says(t, h.log.String, "the target cannot be reached", "not authorized", "'nats.user'")
	if len(st.Sources) != 1 || st.Sources[0].Error != "" {
		t.Errorf("sources %+v", st.Sources)
	}
	edge.Shutdown()
	st = h.await("p", "the source is missed", func(st agent.Status) bool {
		return len(st.Sources) == 1 && strings.Contains(st.Sources[0].Error, "connection refused")
	})
	contains(t, st.Sources[0].Error, "is the server running and reachable?")
	says(t, health, "p: source ev: ", "connection refused")
	says(t, h.log.String, "source disconnected; trying again", "connection refused")
	edge.start()
	h.await("p", "the source is back", func(st agent.Status) bool { return len(st.Sources) == 1 && st.Sources[0].Error == "" })
	until(t, "health says nothing of the source", func() bool { return !strings.Contains(health(), "source") }, health)
}

func TestMissingStreamIsNamedWithTheCommandThatMakesIt(t *testing.T) {
	edge := newBroker(t, embedded.Options{})
	h := newHost(t, t.TempDir(), nil, passing("p", edge.ClientURL(), edge.ClientURL(), ""))
	st := h.await("p", "the stream is missed", inState(agent.Restarting))
	contains(t, st.Error, "the stream does not exist", "nats stream add EV", "'nats.stream.create' = 'true'")
	edge.events(1, 3)
	edge.awaitRows("RES", "res.p", passed(1, 3))
}

func TestUnreachableHubHoldsOutputOnly(t *testing.T) {
	addr := freeAddr(t)
	edge := newBroker(t, embedded.Options{})
	edge.events(1, 20)
	h := newHost(t, t.TempDir(), nil, passing("p", edge.ClientURL(), "nats://"+addr, ""))
	st := h.await("p", "all is read and waits", func(st agent.Status) bool {
		return st.Events == 20 && st.Checkpoints > 0 && len(st.Outputs) > 0 && waiting(st) == 20 && st.State == agent.Running && strings.Contains(resOf(st).Error, "connection refused")
	})
	if o := resOf(st); o.Link != "disconnected" {
		t.Errorf("output %+v", o)
	}
	contains(t, resOf(st).Error, addr, "connection refused", "is the server running and reachable?")
	says(t, h.log.String, "the target cannot be reached; output waits in the outbox")
	hub := newBroker(t, embedded.Options{Listen: addr})
	hub.awaitRows("RES", "res.p", passed(1, 20))
}

// A server that takes connections and says nothing, and what waits for it, hold nothing else up: not
// the start, not the other output, and not what still leaves at the end.
func TestDeafHubHoldsItsOwnOutputOnly(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // connections wait to be accepted
	edge := newBroker(t, embedded.Options{})
	edge.events(1, 20)
	script := passing("p", edge.ClientURL(), edge.ClientURL(), "")
	deaf := strings.NewReplacer("TABLE res", "TABLE deaf", "'"+edge.ClientURL()+"'", "'nats://"+l.Addr().String()+"', 'edgeflow.outbox.priority' = '9'")
	for _, line := range strings.Split(script, "\n") {
		if strings.HasPrefix(line, "CREATE TABLE res") {
			script = strings.Replace(script, line, line+"\n"+deaf.Replace(line), 1)
		}
	}
	h := newHost(t, t.TempDir(), nil, script+"\nINSERT INTO deaf SELECT usr, n FROM ev;")
	edge.awaitRows("RES", "res.p", passed(1, 20))
	st := h.await("p", "what the deaf server is to get waits", func(st agent.Status) bool { return st.Events == 20 && waiting(st) == 20 })
	for _, o := range st.Outputs {
		if o.Name == "deaf" && (o.Rows != 20 || o.Error != "hub: connecting to nats://"+l.Addr().String()) {
			t.Errorf("the attempt at the deaf server was waited for: %+v", o)
		}
	}
	edge.events(21, 40)
	h.await("p", "the rest is read", func(st agent.Status) bool { return st.Events == 40 })
	h.stop()
	edge.awaitRows("RES", "res.p", passed(1, 40))
}

// resOf is the status of the output of passing.
func resOf(st agent.Status) (res agent.OutputStatus) {
	for _, o := range st.Outputs {
		if o.Name == "res" {
			res = o
		}
	}
	return res
}

func waiting(st agent.Status) (n int64) {
	for _, o := range st.Outputs {
		n += o.Rows
	}
	if st.Ledger == nil {
		return n
	}
	// The ledger is taken at another moment than the outputs are looked at.
	for _, o := range st.Ledger.Outputs {
		n = max(n, o.InOutbox)
	}
	return n
}

func TestServerThatGoesAwayWhileRunning(t *testing.T) {
	edge := newBroker(t, embedded.Options{Listen: freeAddr(t)})
	edge.events(1, 10)
	h := newHost(t, t.TempDir(), nil, passing("p", edge.ClientURL(), edge.ClientURL(), ""))
	edge.awaitRows("RES", "res.p", passed(1, 10))
	edge.Shutdown()
	until(t, "the loss is logged", func() bool {
		return strings.Contains(h.log.String(), "source disconnected; trying again")
	})
	edge.start()
	edge.events(11, 20)
	edge.awaitRows("RES", "res.p", passed(1, 20))
	if st := h.await("p", "it runs", inState(agent.Running)); st.Restarts != 0 {
		t.Errorf("%d restarts", st.Restarts)
	}
}

func TestDamagedStateIsSetAsideAndNotStartedEmpty(t *testing.T) {
	edge := newBroker(t, embedded.Options{})
	edge.events(1, 10)
	dir := t.TempDir()
	sql := passing("p", edge.ClientURL(), edge.ClientURL(), "")
	h := newHost(t, dir, nil, sql)
	edge.awaitRows("RES", "res.p", passed(1, 10))
	h.stop()
	file := stateFile(dir, "p")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(b); i += 512 { // every page
		b[i] ^= 0x5a
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // and the next start refuses as the first did
		h = newHost(t, dir, nil, sql)
		h.failed("p", file, "is damaged", "set aside as", "nothing was deleted", "There is no savepoint", "--reset-state")
		h.stop()
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the damaged file is still in its place: %v", err)
	}
	reset := func(o *agent.Options) { o.ResetState, o.Instance = true, "test-2" }
	newHost(t, dir, reset, sql)
	edge.awaitRows("RES", "res.p", append(passed(1, 10), passed(1, 10)...))
}

func TestDamagedStateNamesTheNewestSavepoint(t *testing.T) {
	edge := newBroker(t, embedded.Options{})
	edge.events(1, 10)
	dir := t.TempDir()
	sql := passing("p", edge.ClientURL(), edge.ClientURL(), "")
	p, h := run(t, dir, nil, sql)
	edge.awaitRows("RES", "res.p", passed(1, 10))
	saved, err := p.Savepoint(context.Background(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	h.stop()
	file := stateFile(dir, "p")
	if err := os.WriteFile(file, bytes.Repeat([]byte("damage"), 9000), 0o600); err != nil {
		t.Fatal(err)
	}
	h = newHost(t, dir, nil, sql)
	h.failed("p", "is damaged", "Restore the newest savepoint", saved)
	h.stop()
	edge.events(11, 15)
	newHost(t, dir, func(o *agent.Options) { o.FromSavepoint = saved }, sql)
	edge.awaitRows("RES", "res.p", passed(1, 15))
}

// run starts one pipeline and returns it.
func run(t *testing.T, dir string, mend func(*agent.Options), sql string) (*agent.Pipeline, *host) {
	t.Helper()
	h := newHost(t, dir, mend)
	p, err := agent.Compile("p.sql", sql)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	pl, err := h.Add(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	stop := h.stop
	h.stop = func() { cancel(); stop() }
	t.Cleanup(h.stop)
	return pl, h
}

func TestBadSavepointDoesNotStartEmpty(t *testing.T) {
	edge := newBroker(t, embedded.Options{})
	edge.events(1, 3)
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.savepoint")
	if err := os.WriteFile(bad, []byte("no savepoint at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	sql := passing("p", edge.ClientURL(), edge.ClientURL(), "")
	for _, from := range []string{bad, filepath.Join(dir, "absent.savepoint")} {
		h := newHost(t, filepath.Join(dir, "data"), func(o *agent.Options) { o.FromSavepoint = from }, sql)
		h.failed("p", "--from-savepoint", filepath.Base(from))
		h.stop()
	}
	if rows := edge.rows("RES", "res.p"); len(rows) > 0 {
		t.Errorf("it started empty and sent %d rows", len(rows))
	}
}

func TestSecondInstanceOnTheSameFolder(t *testing.T) {
	edge := newBroker(t, embedded.Options{})
	edge.events(1, 3)
	dir := t.TempDir()
	sql := passing("p", edge.ClientURL(), edge.ClientURL(), "")
	first := newHost(t, dir, nil, sql)
	edge.awaitRows("RES", "res.p", passed(1, 3))
	second := newHost(t, dir, nil, sql)
	second.failed("p", stateFile(dir, "p"), "another edgeflow process has it open")
	edge.events(4, 6)
	edge.awaitRows("RES", "res.p", passed(1, 6))
	first.await("p", "the first runs on", inState(agent.Running))
}

func TestSecondInstanceOfTheSameName(t *testing.T) {
	edge := newBroker(t, embedded.Options{})
	edge.events(1, 3)
	dir := t.TempDir()
	sql := passing("p", edge.ClientURL(), edge.ClientURL(), "")
	p, first := run(t, filepath.Join(dir, "first"), nil, sql)
	edge.awaitRows("RES", "res.p", passed(1, 3))

	// With no state it does not know what the hub has.
	empty := newHost(t, filepath.Join(dir, "empty"), nil, sql)
	empty.failed("p", `output "res"`, "--reset-state under another instance name")
	empty.stop()

	// With the state it takes over, and the older one is fenced off.
	saved, err := p.Savepoint(context.Background(), "move")
	if err != nil {
		t.Fatal(err)
	}
	second := newHost(t, filepath.Join(dir, "second"), func(o *agent.Options) { o.FromSavepoint = saved }, sql)
	until(t, "the second has claimed the cursor", func() bool {
		return strings.Contains(second.log.String(), `"cursor claimed" pipeline=p output=res`)
	})
	edge.events(4, 9)
	first.failed("p", `output "res"`, "stop one of the two, or give them different instance names")
	edge.awaitRows("RES", "res.p", passed(1, 9))
	second.await("p", "the second runs on", inState(agent.Running))
}

// TestStreamThatDoesNotGoOn wants each way in which a stream can fail to go on where the
// state is to be found, explained, and left alone unless told otherwise.
func TestStreamThatDoesNotGoOn(t *testing.T) {
	ctx := context.Background()
	backup := ""
	for _, c := range []struct {
		name           string
		before, damage func(edge *broker)
		words          []string
		resumed        []string
	}{
		{"created again", nil, func(edge *broker) {
			if err := edge.js.DeleteStream(ctx, "EV"); err != nil {
				t.Fatal(err)
			}
			edge.events(11, 12)
		}, []string{"deleted and created again", "nats stream info EV", "--reset-state"}, passed(11, 12)},
		{"purged", nil, func(edge *broker) {
			edge.events(11, 14)
			s, err := edge.js.Stream(ctx, "EV")
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Purge(ctx, jetstream.WithPurgeSequence(14)); err != nil {
				t.Fatal(err)
			}
		}, []string{"messages are missing", "we read up to 10, the stream now begins at 14: up to 3 messages are lost", "nats stream edit EV"}, passed(14, 14)},
		{"rolled back", func(edge *broker) {
			edge.events(1, 5)
			edge.Shutdown()
			backup = t.TempDir()
			if err := os.CopyFS(backup, os.DirFS(edge.o.StoreDir)); err != nil {
				t.Fatal(err)
			}
			edge.start()
			edge.events(6, 10)
		}, func(edge *broker) {
			edge.Shutdown()
			edge.o.StoreDir = backup
			edge.start()
		}, []string{"rolled back", "we read up to 10, the stream ends at 5", "sync_interval: always"}, nil},
		{"written again", func(edge *broker) {
			edge.events(1, 5)
			edge.Shutdown()
			backup = t.TempDir()
			if err := os.CopyFS(backup, os.DirFS(edge.o.StoreDir)); err != nil {
				t.Fatal(err)
			}
			edge.start()
			edge.events(6, 10)
		}, func(edge *broker) {
			edge.Shutdown()
			edge.o.StoreDir = backup
			edge.start()
			edge.events(21, 27)
		}, []string{"rolled back and written again", "nats stream get EV 10"}, passed(21, 27)},
	} {
		t.Run(c.name, func(t *testing.T) {
			edge := newBroker(t, embedded.Options{Listen: freeAddr(t)})
			hub := newBroker(t, embedded.Options{})
			if c.before == nil {
				edge.events(1, 10)
			} else {
				c.before(edge)
			}
			dir := t.TempDir()
			h := newHost(t, dir, nil, passing("p", edge.ClientURL(), hub.ClientURL(), ""))
			hub.awaitRows("RES", "res.p", passed(1, 10))
			h.stop()
			c.damage(edge)
			h = newHost(t, dir, nil, passing("p", edge.ClientURL(), hub.ClientURL(), ""))
			h.failed("p", append(c.words, "'edgeflow.on-gap' = 'resume'")...)
			h.stop()
			h = newHost(t, dir, nil, passing("p", edge.ClientURL(), hub.ClientURL(), ", 'edgeflow.on-gap' = 'resume'"))
			hub.awaitRows("RES", "res.p", append(passed(1, 10), c.resumed...))
			until(t, "the log tells of it", func() bool { return strings.Contains(h.log.String(), c.words[0]) })
		})
	}
}

// TestPanicsAreContained lets each goroutine of a pipeline panic once; both pipelines of
// the process deliver all the same.
func TestPanicsAreContained(t *testing.T) {
	for _, point := range []string{"checkpoint.before-barrier", "checkpoint.page-write", "checkpoint.before-commit", "forward.before-publish", "forward.after-ack"} {
		t.Run(point, func(t *testing.T) {
			edge := newBroker(t, embedded.Options{})
			if err := failpoint.Enable(point + "=panic:4"); err != nil {
				t.Fatal(err)
			}
			defer failpoint.Enable("")
			h := newHost(t, t.TempDir(), nil, counting("a", edge.ClientURL()), counting("b", edge.ClientURL()))
			i := 0
			until(t, point+" is passed six times", func() bool {
				i++
				edge.events(i, i)
				return failpoint.Hits(point) >= 6 && i >= 20
			})
			edge.events(1_000_000, 1_000_000)
			for _, name := range []string{"a", "b"} {
				want := ""
				until(t, name+" delivers", func() bool {
					rows := edge.rows("RES", "res."+name)
					if len(rows) > 0 {
						want = rows[len(rows)-1]
					}
					return strings.Contains(want, `"total":1000000`)
				}, func() string { return want })
				seen := map[string]bool{}
				for _, r := range edge.rows("RES", "res."+name) {
					if seen[r] {
						t.Errorf("%s: %s came twice", name, r)
					}
					seen[r] = true
				}
			}
			restarts := 0
			for _, st := range h.Status() {
				restarts += st.Restarts
			}
			if restarts > 1 {
				t.Errorf("%d restarts", restarts)
			}
		})
	}
}

// counting keeps state: the highest n so far, sent at each event that raises it.
func counting(name, url string) string {
	return fmt.Sprintf(`SET 'pipeline.name' = '%[1]s';
SET 'execution.checkpointing.interval' = '10 ms';
SET 'execution.checkpointing.min-pause' = '1 ms';
CREATE TABLE ev (usr STRING, n BIGINT) WITH ('connector' = 'nats', 'nats.url' = '%[2]s', 'nats.stream' = 'EV', 'nats.stream.create' = 'true', 'nats.subject' = 'ev.>', 'format' = 'json');
CREATE TABLE res (total BIGINT, PRIMARY KEY (total) NOT ENFORCED) WITH ('connector' = 'nats', 'nats.url' = '%[2]s', 'nats.stream' = 'RES', 'nats.subject' = 'res.%[1]s', 'nats.stream.subjects' = 'res.>', 'nats.stream.create' = 'true', 'format' = 'json');
INSERT INTO res SELECT DISTINCT n FROM ev;`, name, url)
}
