package agent_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgeflow/edgeflow/connector/nats/embedded"
)

// TestLookupsInABucketAndAFile enriches events from a key-value bucket, whose rows change
// and go while the pipeline runs, and from a file.
func TestLookupsInABucketAndAFile(t *testing.T) {
	edge := newBroker(t, embedded.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	users, err := edge.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "users"})
	if err != nil {
		t.Fatal(err)
	}
	put := func(key, name string) {
		t.Helper()
		if _, err := users.Put(ctx, key, fmt.Appendf(nil, `{"usr":"%s","name":"%s"}`, key, name)); err != nil {
			t.Fatal(err)
		}
	}
	edge.events(1, 2)
	put("u1", "Ada") // after the events: a table is loaded before the stream is read
	put("u2", "Bob")
	file := filepath.Join(t.TempDir(), "numbers.csv")
	if err := os.WriteFile(file, []byte("1,one\n2,two\n4,four\n5,five\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const pipeline = `SET 'pipeline.name' = 'lookup';
SET 'execution.checkpointing.interval' = '20 ms';
SET 'execution.checkpointing.min-pause' = '1 ms';
CREATE TABLE ev (usr STRING, n BIGINT, pt AS PROCTIME()) WITH ('connector' = 'nats', 'nats.url' = '%[1]s', 'nats.stream' = 'EV', 'nats.subject' = 'ev.>', 'format' = 'json');
CREATE TABLE users (usr STRING, name STRING, PRIMARY KEY (usr) NOT ENFORCED) WITH ('connector' = 'nats', 'nats.url' = '%[1]s', 'nats.stream' = 'KV_users', 'nats.subject' = '$KV.users.>', 'format' = 'json');
CREATE TABLE numbers (n BIGINT, word STRING) WITH ('connector' = 'filesystem', 'path' = '%[2]s', 'format' = 'csv');
CREATE TABLE res (n BIGINT, name STRING, word STRING) WITH ('connector' = 'nats', 'nats.url' = '%[1]s', 'nats.stream' = 'RES', 'nats.subject' = 'res.lookup', 'nats.stream.subjects' = 'res.>', 'nats.stream.create' = 'true', 'format' = 'json');
INSERT INTO res SELECT ev.n, u.name, w.word FROM ev
  LEFT JOIN users FOR SYSTEM_TIME AS OF ev.pt AS u ON ev.usr = u.usr
  LEFT JOIN numbers FOR SYSTEM_TIME AS OF ev.pt AS w ON ev.n = w.n;`
	newHost(t, t.TempDir(), nil, fmt.Sprintf(pipeline, edge.ClientURL(), file))
	want := []string{`{"n":1,"name":"Ada","word":"one"}`, `{"n":2,"name":"Bob","word":"two"}`}
	edge.awaitRows("RES", "res.lookup", want)
	put("u1", "Ann")
	if err := users.Delete(ctx, "u2"); err != nil {
		t.Fatal(err)
	}
	// The changes are stored before the events, which come on another connection of the
	// pipeline: an event that overtakes them is followed by others until they are there.
	last := 3
	for ; last < 200; last += 3 {
		edge.events(last, last+2)
		n := len(edge.rows("RES", "res.lookup"))
		until(t, "the events come out", func() bool { n = len(edge.rows("RES", "res.lookup")); return n >= last+2 })
		got := edge.rows("RES", "res.lookup")[last-1:]
		ann, nobody := fmt.Sprintf(`{"n":%d,"name":"Ann","word":`, last+1), fmt.Sprintf(`{"n":%d,"name":null,"word":`, last+2)
		if len(got) == 3 && len(got[1]) > len(ann) && got[1][:len(ann)] == ann && len(got[2]) > len(nobody) && got[2][:len(nobody)] == nobody {
			return
		}
	}
	t.Fatalf("the changes of the bucket are not seen: %q", edge.rows("RES", "res.lookup"))
}
