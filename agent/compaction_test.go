package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/agent"
	"github.com/edgeflow/edgeflow/connector/nats/embedded"
	"github.com/edgeflow/edgeflow/sync/natshub"
)

const compacting = `SET 'pipeline.name' = 'c';
SET 'execution.checkpointing.interval' = '20 ms';
SET 'execution.checkpointing.min-pause' = '1 ms';
SET 'edgeflow.watermark.max-ahead' = '0 s';
CREATE TABLE ev (usr STRING, n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'nats', 'nats.url' = '%s', 'nats.stream' = 'EV', 'nats.subject' = 'ev.>', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601');
CREATE TABLE res (usr STRING, window_start TIMESTAMP(3), window_end TIMESTAMP(3), c BIGINT, s BIGINT, lo BIGINT, hi BIGINT)
WITH ('connector' = 'nats', 'nats.url' = '%s', 'nats.stream' = 'RES', 'nats.subject' = 'res.c', 'nats.stream.subjects' = 'res.>', 'nats.stream.create' = 'true',
  'format' = 'json', 'edgeflow.outbox.compact' = '1 min, 1 h', 'edgeflow.outbox.max-bytes' = '16 kb');
INSERT INTO res SELECT usr, window_start, window_end, COUNT(*), SUM(n), MIN(n), MAX(n)
FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY usr, window_start, window_end;`

// merged is what the hub has of a user.
type merged struct{ c, s, lo, hi int64 }

// TestOutageWithCompaction holds two hours of one-second results in an outbox that has room
// for a few minutes of them, with a restart in the midst, and wants exact totals.
func TestOutageWithCompaction(t *testing.T) {
	const seconds, users = 2 * 3600, 4
	addr := freeAddr(t)
	edge := newBroker(t, embedded.Options{})
	edge.stream()
	put := func(from, to int) {
		for s := from; s < to; {
			var b strings.Builder
			for end := min(to, s+100); s < end; s++ {
				for u := range users {
					fmt.Fprintf(&b, `{"ts":"%s","usr":"u%d","n":%d}`+"\n", time.Date(2030, 1, 1, 0, 0, s, 0, time.UTC).Format("2006-01-02T15:04:05"), u, s+u)
				}
			}
			edge.put([]byte(b.String()))
		}
	}
	put(0, seconds/2)
	dir, sql := t.TempDir(), fmt.Sprintf(compacting, edge.ClientURL(), "nats://"+addr)
	h := newHost(t, dir, nil, sql)
	read := func(rows int) func(st agent.Status) bool {
		return func(st agent.Status) bool {
			o := outputOf(st, "res")
			return st.Events == int64(rows) && o.Emitted == int64(rows-users) && o.Merged > 0 && o.Bytes < 16<<10 // the last window is open
		}
	}
	h.await("c", "all is read, and fits the outbox", read(seconds/2*users))
	h.stop()
	put(seconds/2, seconds)
	h = newHost(t, dir, nil, sql)
	st := h.await("c", "all is read after the restart, and fits the outbox", read(seconds*users))
	if o := outputOf(st, "res"); o.Merged < seconds*users*9/10 {
		t.Errorf("only %d rows were merged: %+v", o.Merged, o)
	}
	hub := newBroker(t, embedded.Options{Listen: addr})
	h.await("c", "the outbox is drained, and the ledger has it", func(st agent.Status) bool {
		o := outputOf(st, "res")
		if st.Ledger == nil || o.Emitted == 0 || o.Rows > 0 {
			return false
		}
		for _, l := range st.Ledger.Outputs {
			if l.Name == "res" {
				return l.Confirmed == o.Emitted && l.Merged == o.Merged && len(st.Imbalances) == 0
			}
		}
		return false
	})

	last := int64(seconds - 1) // its window is open
	for u, got := range atHub(t, hub) {
		n, err := strconv.ParseInt(u[1:], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if want := (merged{last, last*(last-1)/2 + n*last, n, n + last - 1}); got != want {
			t.Errorf("%s: %+v, want %+v", u, got, want)
		}
	}
}

func outputOf(st agent.Status, name string) agent.OutputStatus {
	for _, o := range st.Outputs {
		if o.Name == name {
			return o
		}
	}
	return agent.OutputStatus{}
}

// atHub adds the rows at the hub up, and checks what each message says of itself.
func atHub(t *testing.T, hub *broker) map[string]merged {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := hub.js.Stream(ctx, "RES")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]merged{}
	widths := map[time.Duration]int{}
	for seq := uint64(1); ; {
		m, err := s.GetMsg(ctx, seq, jetstream.WithGetMsgSubject("res.c"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		seq = m.Sequence + 1
		var r struct {
			Usr                string
			WindowStart        string `json:"window_start"`
			WindowEnd          string `json:"window_end"`
			C, S, Lo, Hi, None int64
		}
		if err := json.Unmarshal(m.Data, &r); err != nil {
			t.Fatal(err)
		}
		width := instant(t, r.WindowEnd).Sub(instant(t, r.WindowStart))
		widths[width]++
		if text := m.Header.Get(natshub.HeaderMerged); (text != "") != (width > time.Second) || text != "" && text != strconv.FormatInt(r.C, 10) {
			t.Errorf("a row of a window of %s of %d rows says that it stands for %q", width, r.C, text)
		}
		a, ok := out[r.Usr]
		if !ok {
			a.lo = r.Lo
		}
		out[r.Usr] = merged{a.c + r.C, a.s + r.S, min(a.lo, r.Lo), max(a.hi, r.Hi)}
	}
	if widths[time.Minute] == 0 || widths[time.Hour] == 0 || len(out) != 4 {
		t.Errorf("the hub has rows of windows of %v", widths)
	}
	return out
}

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
