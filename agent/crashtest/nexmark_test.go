package crashtest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// auctions is a join, a Top-N of it, session windows and a pattern over one table of events,
// which is read at the pace of %d events a second.
const auctions = `
SET 'pipeline.name' = 'auctions';
SET 'execution.checkpointing.interval' = '20 ms';
SET 'execution.checkpointing.min-pause' = '1 ms';
CREATE TABLE happened (
  event_type INT,
  person ROW<id BIGINT, ` + "`dateTime`" + ` TIMESTAMP(3)>,
  auction ROW<id BIGINT, seller BIGINT, category BIGINT, ` + "`dateTime`" + ` TIMESTAMP(3), expires TIMESTAMP(3)>,
  bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, ` + "`dateTime`" + ` TIMESTAMP(3)>,
  ts AS CASE event_type WHEN 0 THEN person.` + "`dateTime`" + ` WHEN 1 THEN auction.` + "`dateTime`" + ` ELSE bid.` + "`dateTime`" + ` END,
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'nexmark', 'events.num' = '%d', 'emit.rate' = '%d', 'first-event.rate' = '1000');
CREATE VIEW offers AS SELECT auction.id, auction.seller, auction.category, auction.expires, ts FROM happened WHERE event_type = 1;
CREATE VIEW bids AS SELECT bid.auction, bid.bidder, bid.price, ts FROM happened WHERE event_type = 2;
CREATE TABLE joined (id BIGINT, seller BIGINT, bidder BIGINT, price BIGINT) %[3]s.joined');
CREATE TABLE dearest (seller BIGINT, id BIGINT, bidder BIGINT, place BIGINT) %[3]s.dearest');
CREATE TABLE visits (bidder BIGINT, bids BIGINT, began TIMESTAMP(3), ended TIMESTAMP(3)) %[3]s.visits');
CREATE TABLE dips (auction BIGINT, high BIGINT, low BIGINT, at TIMESTAMP(3)) %[3]s.dips');
EXECUTE STATEMENT SET
BEGIN
  INSERT INTO joined SELECT id, seller, bidder, price FROM offers JOIN bids ON auction = id AND bids.ts BETWEEN offers.ts AND expires WHERE category = 10;
  INSERT INTO dearest SELECT seller, id, bidder, place FROM (
    SELECT seller, id, bidder, ROW_NUMBER() OVER (PARTITION BY seller ORDER BY price / 1000000 DESC) AS place
    FROM offers JOIN bids ON auction = id WHERE category = 11) WHERE place <= 2;
  INSERT INTO visits SELECT bidder, COUNT(*), window_start, window_end
    FROM TABLE(SESSION(TABLE bids PARTITION BY bidder, DESCRIPTOR(ts), INTERVAL '2' SECOND)) GROUP BY bidder, window_start, window_end;
  INSERT INTO dips SELECT * FROM bids MATCH_RECOGNIZE (
    PARTITION BY auction ORDER BY ts
    MEASURES FIRST(A.price) AS high, LAST(B.price) AS low, C.ts AS at
    AFTER MATCH SKIP PAST LAST ROW
    PATTERN (A B{2,} C) WITHIN INTERVAL '5' SECOND
    DEFINE B AS B.price < A.price, C AS C.price > A.price);
END;
`

// The sink tables but for their subjects' ends.
const auctionsSink = `WITH ('connector' = 'nats', 'nats.stream' = 'AUCTIONS', 'nats.stream.create' = 'true', 'nats.stream.subjects' = 'auctions.>',
  'format' = 'json', 'changelog-mode' = 'retract', 'edgeflow.pack' = '100', 'nats.subject' = 'auctions`

// TestNexmarkKills kills a process that joins, ranks, makes sessions and finds patterns, and
// wants the results to come to what an undisturbed process, which reads at full speed and so
// cuts its input elsewhere, leaves.
func TestNexmarkKills(t *testing.T) {
	const events = 60_000
	killed := []string{"checkpoint.before-barrier", "checkpoint.page-write", "checkpoint.after-commit", "forward.after-publish", "checkpoint.before-commit"}
	w := &world{t: t, dir: t.TempDir(), begun: new(int)}
	w.hub = w.server("hub")
	w.edge, w.js = w.hub, w.connect(w.hub)
	w.auctions("fast.sql", events, events*1000)
	if w.wait(w.start(filepath.Join(w.dir, "undisturbed"), ""), 0) {
		t.Fatal("the undisturbed process was killed")
	}
	want := w.contents()
	for _, subject := range []string{"auctions.joined", "auctions.dearest", "auctions.visits", "auctions.dips"} {
		if len(want[subject]) < 20 {
			t.Fatalf("the undisturbed process left %d rows in %s", len(want[subject]), subject)
		}
	}

	// Processes to be killed would read for three seconds, and are killed within a few
	// checkpoints; the last one reads at full speed. Where the host stands still for so long that
	// one reads to the end, all begins anew.
	w.auctions("slow.sql", events, events/3)
	rnd := rand.New(rand.NewPCG(*seed, 1))
	data := ""
	for round, all := 0, false; !all; round++ {
		if round == 10 {
			t.Fatal("processes end before they are killed")
		}
		data, all = filepath.Join(w.dir, fmt.Sprint("killed-", round)), true
		for n := 0; n < len(killed) && all; n++ {
			all = w.wait(w.start(data, fmt.Sprintf("%s=kill:%d", killed[n], 1+rnd.IntN(4))), 0)
		}
		if !all {
			w.contents()
		}
	}
	w.auctions("fast.sql", events, events*1000)
	if w.wait(w.start(data, ""), 0) {
		t.Fatal("the last process was killed")
	}
	got := w.contents()
	for subject, rows := range want {
		lost, more := 0, 0
		for row, n := range rows {
			lost += max(0, n-got[subject][row])
		}
		for row, n := range got[subject] {
			more += max(0, n-rows[row])
		}
		if lost+more > 0 {
			t.Errorf("%s: of %d rows %d are missing, %d are there besides", subject, len(rows), lost, more)
		}
		t.Logf("%s: %d different rows", subject, len(rows))
	}
	if len(got) != len(want) {
		t.Errorf("rows in %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// auctions writes the pipeline.
func (w *world) auctions(file string, events, pace int) {
	w.sql = filepath.Join(w.dir, file)
	if err := os.WriteFile(w.sql, fmt.Appendf(nil, auctions, events, pace, auctionsSink), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// contents reads what the changelogs at the hub come to, how often each row is there by
// subject, and deletes them.
func (w *world) contents() map[string]map[string]int {
	w.t.Helper()
	out, last := map[string]map[string]int{}, map[string]int{}
	w.read("AUCTIONS", "auctions.>", func(m jetstream.Msg) { w.collapse(m, out, last) })
	if err := w.js.DeleteStream(context.Background(), "AUCTIONS"); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// collapse applies the rows of a message, which have to go on where the last ones of its
// subject end.
func (w *world) collapse(m jetstream.Msg, out map[string]map[string]int, last map[string]int) {
	rows := out[m.Subject()]
	if rows == nil {
		rows = map[string]int{}
		out[m.Subject()] = rows
	}
	lines := strings.Split(strings.TrimSuffix(string(m.Data()), "\n"), "\n")
	sequence := fmt.Sprintf("%d-%d", last[m.Subject()]+1, last[m.Subject()]+len(lines))
	if got := m.Headers().Get("Edgeflow-Sequence"); got != sequence {
		w.t.Fatalf("%s: rows %s instead of %s", m.Subject(), got, sequence)
	}
	last[m.Subject()] += len(lines)
	step := 1
	if kind := m.Headers().Get("Edgeflow-Kind"); kind == "-U" || kind == "-D" {
		step = -1
	}
	for _, line := range lines {
		if rows[line] += step; rows[line] == 0 {
			delete(rows, line)
		} else if rows[line] < 0 {
			w.t.Fatalf("%s: %s is taken back and is not there", m.Subject(), line)
		}
	}
}
