-- Video quality of experience: what a region's players report, per customer and CDN.
--
-- Beacons come from a JetStream stream at the edge, one JSON object a message. Two window
-- sizes are computed and forwarded, and every failed playback goes out as msgpack.

SET 'pipeline.name' = 'qoe';
SET 'execution.checkpointing.interval' = '1 s';
SET 'execution.checkpointing.min-pause' = '200 ms';

CREATE TABLE beacons (
  view_id      STRING,
  customer     STRING,
  region       STRING,
  cdn          STRING,
  device       STRING,
  event_time   TIMESTAMP_LTZ(3),
  startup_ms   INT,
  rebuffer_ms  INT,
  bitrate_kbps INT,
  error        STRING,
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH (
  'connector' = 'nats',
  'nats.stream' = 'BEACONS',
  'nats.subject' = 'beacons.>',
  'nats.stream.create' = 'true',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
);

CREATE TABLE qoe_10s (
  window_start   TIMESTAMP(3),
  window_end     TIMESTAMP(3),
  customer       STRING,
  cdn            STRING,
  `views`        BIGINT,
  errors         BIGINT,
  error_rate     DOUBLE,
  rebuffer_ms    BIGINT,
  rebuffer_ratio DOUBLE,
  startup_p50    DOUBLE,
  startup_p95    DOUBLE
) WITH (
  'connector' = 'nats',
  'nats.stream' = 'QOE',
  'nats.subject' = 'qoe.10s',
  'nats.stream.create' = 'true',
  'format' = 'json'
);

CREATE TABLE qoe_1m WITH (
  'nats.subject' = 'qoe.1m'
) LIKE qoe_10s (OVERWRITING OPTIONS);

CREATE TABLE playback_errors (
  event_time TIMESTAMP_LTZ(3),
  view_id    STRING,
  customer   STRING,
  cdn        STRING,
  device     STRING,
  error      STRING
) WITH (
  'connector' = 'nats',
  'nats.stream' = 'QOE',
  'nats.subject' = 'qoe.errors',
  'nats.stream.create' = 'true',
  'format' = 'msgpack'
);

EXECUTE STATEMENT SET
BEGIN
  INSERT INTO qoe_10s
  SELECT window_start, window_end, customer, cdn,
    COUNT(*),
    COUNT(error),
    CAST(COUNT(error) AS DOUBLE) / COUNT(*),
    SUM(CAST(rebuffer_ms AS BIGINT)),
    CAST(SUM(rebuffer_ms) AS DOUBLE) / (COUNT(*) * 10000),
    APPROX_PERCENTILE(startup_ms, 0.5),
    APPROX_PERCENTILE(startup_ms, 0.95)
  FROM TABLE(TUMBLE(TABLE beacons, DESCRIPTOR(event_time), INTERVAL '10' SECOND))
  GROUP BY window_start, window_end, customer, cdn;

  INSERT INTO qoe_1m
  SELECT window_start, window_end, customer, cdn,
    COUNT(*),
    COUNT(error),
    CAST(COUNT(error) AS DOUBLE) / COUNT(*),
    SUM(CAST(rebuffer_ms AS BIGINT)),
    CAST(SUM(rebuffer_ms) AS DOUBLE) / (COUNT(*) * 10000),
    APPROX_PERCENTILE(startup_ms, 0.5),
    APPROX_PERCENTILE(startup_ms, 0.95)
  FROM TABLE(HOP(TABLE beacons, DESCRIPTOR(event_time), INTERVAL '10' SECOND, INTERVAL '1' MINUTE))
  GROUP BY window_start, window_end, customer, cdn;

  INSERT INTO playback_errors
  SELECT event_time, view_id, customer, cdn, device, error
  FROM beacons
  WHERE error IS NOT NULL;
END;
