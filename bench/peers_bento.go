package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// bentoHead reads in batches, which is faster than one by one; the period lets the last
// batch go. One thread.
const bentoHead = `http: {enabled: false}
logger: {level: ERROR}
input:
  batched:
    policy: { count: %d, period: 1s }
    child:
%spipeline:
  threads: 1
  processors:
`

// bentoFile reads a file's lines; nothing is replayed.
const bentoFile = `      file:
        paths: [ %q ]
        scanner: { lines: {} }
        auto_replay_nacks: false
`

// bentoStream reads a stream's messages by a push consumer that may be two batches ahead of
// what is acknowledged, and ends when none has come for a while. Bento acknowledges each
// message by a message of its own; it has no way to leave that out or to acknowledge many at once.
const bentoStream = `      read_until:
        idle_timeout: 3s
        input:
          nats_jetstream:
            urls: [ %q ]
            stream: %s
            subject: %q
            deliver: all
            max_ack_pending: %d
`

// bentoInput is the configuration of the child of bentoHead's input.
func bentoInput(in peerInput, batch int) string {
	if in.Stream != "" {
		return fmt.Sprintf(bentoStream, in.URL, in.Stream, in.Subject, max(2*batch, 16384))
	}
	return fmt.Sprintf(bentoFile, in.File)
}

const bentoTail = `output:
  file: { path: %q, codec: lines }
`

// bentoQuery is a query's processors and how many events make a batch.
type bentoQuery struct {
	batch      int
	processors string
}

// bentoQueries are the queries as Bento can state them. Its windows follow the system clock
// and hold all their messages, so a file cannot be replayed through them: the aggregate is
// computed over batches of 20,000 events instead, by the text of the event time up to tens of
// seconds, which costs Bento no parsing of times; a window's part in each batch is a row, and
// the parts are put together outside when rows are compared.
var bentoQueries = map[string]bentoQuery{
	"filter": {1000, `    - mapping: |
        root = if this.error != null && this.bitrate_kbps >= 1000 {
          {"event_time": this.event_time, "view_id": this.view_id, "customer": this.customer, "cdn": this.cdn, "device": this.device, "error": this.error}
        } else { deleted() }
`},
	"tumble": {20000, `    - group_by_value:
        value: ${! json("event_time").slice(0, 18) + json("customer") + "|" + json("cdn") }
    - mapping: |
        root = if batch_index() == 0 {
          {
            "window": this.event_time.slice(0, 18), "customer": this.customer, "cdn": this.cdn,
            "view_count": batch_size(),
            "errors": json("error").from_all().filter(e -> e != null).length(),
            "rebuffer_ms": json("rebuffer_ms").from_all().sum(),
            "startup_ms": json("startup_ms").from_all().sum(),
            "max_bitrate": json("bitrate_kbps").from_all().max(),
          }
        } else { deleted() }
`},
}

// bentoPeer builds the module in dir that runs Bento.
func bentoPeer(ctx context.Context, dir, binary string) (peer, error) {
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := build.CombinedOutput(); err != nil {
		return peer{}, fmt.Errorf("building Bento: %w: %s", err, b)
	}
	return peer{
		name: "Bento", streams: true,
		run: func(ctx context.Context, query string, in peerInput, out string) (time.Duration, error) {
			q := bentoQueries[query]
			config := fmt.Sprintf(bentoHead, q.batch, bentoInput(in, q.batch)) + q.processors + fmt.Sprintf(bentoTail, filepath.Join(out, "rows.json"))
			cmd := exec.CommandContext(ctx, binary)
			cmd.Stdin = strings.NewReader(config)
			return runMeasured(cmd)
		},
		rows: readPeerRows,
	}, nil
}
