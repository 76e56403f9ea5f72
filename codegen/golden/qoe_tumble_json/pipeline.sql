-- Quality of experience by customer and network, over 10 s.
CREATE TABLE beacons (
  view_id STRING, customer STRING, region STRING, cdn STRING, device STRING,
  event_time TIMESTAMP_LTZ(3), startup_ms INT, rebuffer_ms INT, bitrate_kbps INT, error STRING,
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH ('connector' = 'nats', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601');

CREATE TABLE quality (window_start TIMESTAMP(3), window_end TIMESTAMP(3), customer STRING, cdn STRING,
  view_count BIGINT, errors BIGINT, rebuffer_ms BIGINT, mean_startup DOUBLE, max_bitrate INT)
WITH ('connector' = 'nats', 'format' = 'json');

INSERT INTO quality
SELECT window_start, window_end, customer, cdn, COUNT(*), COUNT(error),
  SUM(CAST(rebuffer_ms AS BIGINT)), AVG(CAST(startup_ms AS DOUBLE)), MAX(bitrate_kbps)
FROM TABLE(TUMBLE(TABLE beacons, DESCRIPTOR(event_time), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, customer, cdn;
