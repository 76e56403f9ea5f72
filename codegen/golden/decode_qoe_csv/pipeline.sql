-- What the tumbling query reads of a beacon, and no more done with it: for the cost of decoding.
CREATE TABLE beacons (
  view_id STRING, customer STRING, region STRING, cdn STRING, device STRING,
  event_time TIMESTAMP_LTZ(3), startup_ms INT, rebuffer_ms INT, bitrate_kbps INT, error STRING
) WITH ('connector' = 'nats', 'format' = 'csv');

CREATE TABLE copies (event_time TIMESTAMP_LTZ(3), customer STRING, cdn STRING, startup INT, rebuffer_ms INT, bitrate INT, error STRING)
WITH ('connector' = 'nats', 'format' = 'json');

INSERT INTO copies
SELECT event_time, customer, cdn, startup_ms, rebuffer_ms, bitrate_kbps, error FROM beacons WHERE bitrate_kbps < 0;
