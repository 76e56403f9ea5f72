// Package qoe holds the two queries of the video-quality workload, the filter and the
// tumbling aggregate, and the same computed by hand, as a ceiling.
package qoe

import (
	"fmt"

	"github.com/edgeflow/edgeflow/dataflow"
	example "github.com/edgeflow/edgeflow/examples/qoe"
)

// Source is the beacons' table; its options are filled in by With.
const Source = `CREATE TABLE beacons (
  view_id STRING, customer STRING, region STRING, cdn STRING, device STRING,
  event_time TIMESTAMP_LTZ(3), startup_ms INT, rebuffer_ms INT, bitrate_kbps INT, error STRING,
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH (%s);
`

// Filter keeps the failed views of a fast network.
const Filter = `CREATE TABLE failures (event_time TIMESTAMP_LTZ(3), view_id STRING, customer STRING, cdn STRING, device STRING, error STRING) WITH (%s);
INSERT INTO failures SELECT event_time, view_id, customer, cdn, device, error FROM beacons WHERE error IS NOT NULL AND bitrate_kbps >= 1000;
`

// Tumble aggregates by customer and network over 10 s.
const Tumble = `CREATE TABLE quality (window_start TIMESTAMP(3), window_end TIMESTAMP(3), customer STRING, cdn STRING,
  views BIGINT, errors BIGINT, rebuffer_ms BIGINT, mean_startup DOUBLE, max_bitrate INT) WITH (%s);
INSERT INTO quality SELECT window_start, window_end, customer, cdn, COUNT(*), COUNT(error), SUM(CAST(rebuffer_ms AS BIGINT)), AVG(CAST(startup_ms AS DOUBLE)), MAX(bitrate_kbps)
FROM TABLE(TUMBLE(TABLE beacons, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, customer, cdn;
`

// Percentiles is Tumble with two percentiles, as in the example.
const Percentiles = `CREATE TABLE quality (window_start TIMESTAMP(3), window_end TIMESTAMP(3), customer STRING, cdn STRING,
  views BIGINT, errors BIGINT, rebuffer_ms BIGINT, p50 DOUBLE, p95 DOUBLE) WITH (%s);
INSERT INTO quality SELECT window_start, window_end, customer, cdn, COUNT(*), COUNT(error), SUM(CAST(rebuffer_ms AS BIGINT)), APPROX_PERCENTILE(startup_ms, 0.5), APPROX_PERCENTILE(startup_ms, 0.95)
FROM TABLE(TUMBLE(TABLE beacons, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) GROUP BY window_start, window_end, customer, cdn;
`

// Script is a workload over sources and sinks with the given options.
func Script(query, source, sink string) string {
	return fmt.Sprintf(Source, source) + fmt.Sprintf(query, sink)
}

// Events encodes n beacons as messages of pack events each, in "json" or "msgpack".
func Events(n, pack int, encoding string) []dataflow.Message {
	const startMs, perSecond = 1_700_000_000_000, 20_000
	g := example.New(42, startMs, perSecond)
	var out []dataflow.Message
	var b example.Beacon
	var data []byte
	for i := 0; i < n; i++ {
		g.At(uint64(i), &b)
		if encoding == "json" {
			if len(data) > 0 {
				data = append(data, '\n')
			}
			data = b.AppendJSON(data)
		} else {
			data = b.AppendMsgpack(data)
		}
		if (i+1)%pack == 0 || i == n-1 {
			out = append(out, dataflow.Message{Data: data, Seq: uint64(len(out) + 1), ArrivalMs: g.NowMs(uint64(i))})
			data = nil
		}
	}
	return out
}
