-- The failed views of a fast network.
CREATE TABLE beacons (
  view_id STRING, customer STRING, region STRING, cdn STRING, device STRING,
  event_time TIMESTAMP_LTZ(3), startup_ms INT, rebuffer_ms INT, bitrate_kbps INT, error STRING,
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH ('connector' = 'nats', 'format' = 'msgpack');

CREATE TABLE failures (event_time TIMESTAMP_LTZ(3), view_id STRING, customer STRING, cdn STRING, device STRING, error STRING)
WITH ('connector' = 'nats', 'format' = 'json');

INSERT INTO failures
SELECT event_time, view_id, customer, cdn, device, error FROM beacons WHERE error IS NOT NULL AND bitrate_kbps >= 1000;
