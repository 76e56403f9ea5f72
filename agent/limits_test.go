package agent_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

var keysFlag = flag.Int("keys", 0, "how many keys TestKeysWithoutEnd makes for each kind of state; with 0, a few and one kind")

const (
	stateMax = 16 << 20 // of the pipelines here
	// riseMax is how much the process may grow: besides state, what a commit holds (old images,
	// a transaction of the store), twice that for garbage, and the server's buffers.
	riseMax = 8 * stateMax
)

// rssAnon is the memory of this process that no file backs, in bytes; 0 where the system
// does not tell.
func rssAnon() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("RssAnon:")); ok {
			n, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
			return n << 10
		}
	}
	return 0
}

// peaks follows what a pipeline takes while it runs.
type peaks struct {
	base, rss              int64
	state, spilled, output int64
	swapped, checkpoints   int64
}

func newPeaks() *peaks {
	runtime.GC()
	debug.FreeOSMemory()
	return &peaks{base: rssAnon()}
}

func (p *peaks) see(st agent.Status) {
	p.rss = max(p.rss, rssAnon())
	p.state, p.spilled = max(p.state, st.StateBytes), max(p.spilled, st.SpilledBytes)
	p.swapped = max(p.swapped, st.SwappedBytes)
	p.output, p.checkpoints = max(p.output, st.OutputMemory), max(p.checkpoints, st.Checkpoints)
}

func (p *peaks) String() string {
	return fmt.Sprintf("state %.1f MB in memory, %.1f MB spilled, %.1f MB swapped, output %.1f MB, process %.1f MB above %.1f MB, %d checkpoints",
		float64(p.state)/1e6, float64(p.spilled)/1e6, float64(p.swapped)/1e6, float64(p.output)/1e6, float64(p.rss-p.base)/1e6, float64(p.base)/1e6, p.checkpoints)
}

// watch follows a pipeline until cond holds, for as long as so many keys may take.
func (p *peaks) watch(h *host, name string, keys int, cond func(agent.Status) bool) {
	h.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience + time.Duration(keys)*time.Millisecond)
	for {
		for _, st := range h.Status() {
			if st.Pipeline != name {
				continue
			}
			if p.see(st); cond(st) {
				return
			}
			if st.State == agent.Failed {
				h.t.Fatal(st.Error)
			}
		}
		select {
		case <-tick.C:
		case <-late:
			h.t.Fatalf("waited in vain: %v", p)
		}
	}
}

// Every event a key of its own, and then each of them once more: state far above its share
// of memory is spilled, read back, and restored in the midst; the totals are right. The
// sessions all close in one step, which swaps what it changes.
func TestKeysWithoutEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("state of some ten MB, read back page by page")
	}
	for name, query := range map[string]string{
		"group":   `SELECT 1, COUNT(*), SUM(c), MIN(l) FROM (SELECT k, COUNT(*) AS c, MIN(id) AS l FROM gen GROUP BY k)`,
		"join":    `SELECT 1, COUNT(DISTINCT a.id), 2 * COUNT(*), MIN(b.id) - %[1]d FROM gen a JOIN gen b ON a.k = b.k WHERE a.id < %[1]d AND b.id >= %[1]d`,
		"session": `SELECT 1, COUNT(*), SUM(c), MIN(l) FROM (SELECT k, COUNT(*) AS c, MIN(id) AS l FROM SESSION(TABLE gen PARTITION BY k, DESCRIPTOR(ts), INTERVAL '1' DAY) GROUP BY k, window_start, window_end)`,
	} {
		t.Run(name, func(t *testing.T) {
			keys := *keysFlag
			if keys == 0 && name == "join" {
				t.Skip("-keys N runs it")
			}
			if keys == 0 {
				keys = map[string]int{"group": 100_000, "session": 50_000}[name]
			}
			withoutEnd(t, name, query, keys)
		})
	}
}

func withoutEnd(t *testing.T, name, query string, keys int) {
	b := newBroker(t, embedded.Options{})
	sql := fmt.Sprintf(`SET 'pipeline.name' = '%[4]s'; SET 'edgeflow.memory.max' = '16 mb'; SET 'execution.checkpointing.interval' = '10 min';
CREATE TABLE gen (id BIGINT, k AS CONCAT(REPEAT('wide', 50), CAST(MOD(id * 7919, %[1]d) AS STRING)),
  ts AS TO_TIMESTAMP_LTZ(id, 3), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'datagen', 'rows-per-second' = '100000000', 'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '%[2]d');
CREATE TABLE o (one INT, ks BIGINT, n BIGINT, least BIGINT, PRIMARY KEY (one) NOT ENFORCED)
  WITH ('connector' = 'nats', 'nats.url' = '%[3]s', 'nats.stream' = 'OUT', 'nats.subject' = 'out.a', 'nats.stream.create' = 'true', 'format' = 'json');
INSERT INTO o `, keys, 2*keys-1, b.ClientURL(), name) + strings.ReplaceAll(query, "%[1]d", strconv.Itoa(keys))
	dir := t.TempDir()
	p := newPeaks()
	began := time.Now()
	h := newHost(t, dir, nil, sql)
	p.watch(h, name, keys, func(st agent.Status) bool { return st.Events > int64(keys) })
	h.stop()
	h = newHost(t, dir, nil, sql)
	p.watch(h, name, keys, func(st agent.Status) bool { return st.State == agent.Finished })
	t.Logf("%d keys in %v: %v", keys, time.Since(began).Round(time.Millisecond), p)
	rows := b.rows("OUT", "out.a")
	if want := fmt.Sprintf(`{"one":1,"ks":%d,"n":%d,"least":0}`, keys, 2*keys); len(rows) == 0 || !strings.Contains(rows[len(rows)-1], want) {
		t.Errorf("the last of %d rows is not %s: %v", len(rows), want, rows[max(0, len(rows)-2):])
	}
	most := int64(stateMax + stateMax/2) // a batch takes what it needs, and the table of pages grows
	if name == "session" {
		most = 2 * stateMax // a step may begin while a checkpoint has still to read pages
	}
	if p.state > most || p.spilled == 0 || p.checkpoints == 0 || name == "session" && p.swapped == 0 {
		t.Errorf("state at its limit of %d: %v", stateMax, p)
	}
	if rise := p.rss - p.base; p.rss > 0 && rise > riseMax {
		t.Errorf("the process grew by %d bytes: %v", rise, p)
	}
}

// An epoch without an end makes output without an end: at its share of memory a checkpoint
// stores it, and at twice that reading pauses, whether rows are kept by key or not.
func TestOutputWithoutEnd(t *testing.T) {
	const rows, outputMax = 60_000, 1 << 20
	for name, key := range map[string]string{"rows": "", "upserts": ", PRIMARY KEY (id) NOT ENFORCED"} {
		query := "SELECT id, 1, REPEAT(CAST(id AS STRING), 20) FROM gen"
		if key != "" {
			query = "SELECT id, COUNT(*), MAX(REPEAT(CAST(id AS STRING), 20)) FROM gen GROUP BY id"
		}
		t.Run(name, func(t *testing.T) {
			b := newBroker(t, embedded.Options{})
			h := newHost(t, t.TempDir(), nil, fmt.Sprintf(`SET 'pipeline.name' = 'out'; SET 'edgeflow.memory.output-max' = '1 mb'; SET 'execution.checkpointing.interval' = '10 min';
CREATE TABLE gen (id BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '100000000', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '%d');
CREATE TABLE o (id BIGINT, n BIGINT, s STRING%s)
  WITH ('connector' = 'nats', 'nats.url' = '%s', 'nats.stream' = 'OUT', 'nats.subject' = 'out.a', 'nats.stream.create' = 'true', 'format' = 'json', 'edgeflow.pack' = '100');
INSERT INTO o %s;`, rows, key, b.ClientURL(), query))
			p := newPeaks()
			p.watch(h, "out", rows, func(st agent.Status) bool { return st.State == agent.Finished })
			t.Log(p)
			if p.checkpoints < 4 || p.output > 3*outputMax {
				t.Errorf("output is not bounded by %d: %v", outputMax, p)
			}
			for _, o := range h.Status()[0].Outputs {
				if o.Name == "o" && (o.Emitted != rows || o.Confirmed != rows || o.Rows != 0) {
					t.Errorf("%+v", o)
				}
			}
		})
	}
}
