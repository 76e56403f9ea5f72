// Package qoe holds the two queries of the video-quality workload, the filter and the
// tumbling aggregate, its events, and what is needed to compare a pipeline's rows with
// those computed by hand.
package qoe

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow"
	example "github.com/edgeflow/edgeflow/examples/qoe"
)

const source = `CREATE TABLE beacons (
  view_id STRING, customer STRING, region STRING, cdn STRING, device STRING,
  event_time TIMESTAMP_LTZ(3), startup_ms INT, rebuffer_ms INT, bitrate_kbps INT, error STRING,
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH (%s);
`

// Queries holds the SQL of the queries by name, with a hole for the sink's options.
//
// filter keeps the failed views of a fast network, tumble aggregates by customer and
// network over 10 s, percentiles is tumble with two percentiles, as in the example.
var Queries = map[string]string{
	"filter": `CREATE TABLE failures (event_time TIMESTAMP_LTZ(3), view_id STRING, customer STRING, cdn STRING, device STRING, error STRING) WITH (%s);
INSERT INTO failures SELECT event_time, view_id, customer, cdn, device, error FROM beacons WHERE error IS NOT NULL AND bitrate_kbps >= 1000;
`,
	"tumble": `CREATE TABLE quality (window_start TIMESTAMP(3), window_end TIMESTAMP(3), customer STRING, cdn STRING,
  view_count BIGINT, errors BIGINT, rebuffer_ms BIGINT, mean_startup DOUBLE, max_bitrate INT) WITH (%s);
INSERT INTO quality SELECT window_start, window_end, customer, cdn, COUNT(*), COUNT(error), SUM(CAST(rebuffer_ms AS BIGINT)), AVG(CAST(startup_ms AS DOUBLE)), MAX(bitrate_kbps)
FROM TABLE(TUMBLE(TABLE beacons, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, customer, cdn;
`,
	"percentiles": `CREATE TABLE quality (window_start TIMESTAMP(3), window_end TIMESTAMP(3), customer STRING, cdn STRING,
  view_count BIGINT, errors BIGINT, rebuffer_ms BIGINT, p50 DOUBLE, p95 DOUBLE) WITH (%s);
INSERT INTO quality SELECT window_start, window_end, customer, cdn, COUNT(*), COUNT(error), SUM(CAST(rebuffer_ms AS BIGINT)), APPROX_PERCENTILE(startup_ms, 0.5), APPROX_PERCENTILE(startup_ms, 0.95)
FROM TABLE(TUMBLE(TABLE beacons, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, customer, cdn;
`,
}

// Script is a query over a source and a sink with the given options.
func Script(query, sourceOptions, sinkOptions string) string {
	return fmt.Sprintf(source, sourceOptions) + fmt.Sprintf(Queries[query], sinkOptions)
}

// PerSecond is the number of events in a second of event time.
const PerSecond = 20_000

// Log makes the workload's messages.
type Log struct {
	// Events of them in all, Pack in a message, as "json" or "msgpack".
	Events, Pack int
	Encoding     string
	// StartMs is the event time of the first event, in ms since 1970.
	StartMs int64
}

// Each calls fn with each message and the time at which its last event was sent. data is
// valid during the call.
func (l *Log) Each(fn func(data []byte, atMs int64) error) error {
	g := example.New(42, l.StartMs, PerSecond)
	var b example.Beacon
	var data []byte
	for i := range l.Events {
		g.At(uint64(i), &b)
		if l.Encoding == "msgpack" {
			data = b.AppendMsgpack(data)
		} else {
			if len(data) > 0 {
				data = append(data, '\n')
			}
			data = b.AppendJSON(data)
		}
		if (i+1)%l.Pack == 0 || i == l.Events-1 {
			if err := fn(data, g.NowMs(uint64(i))); err != nil {
				return err
			}
			data = data[:0]
		}
	}
	return nil
}

// Messages holds the whole log in memory.
func (l *Log) Messages() []dataflow.Message {
	var out []dataflow.Message
	_ = l.Each(func(data []byte, atMs int64) error { // fails only where fn does
		out = append(out, dataflow.Message{Data: append([]byte(nil), data...), Seq: uint64(len(out) + 1), ArrivalMs: atMs})
		return nil
	})
	return out
}
