-- Cold-chain watch: MQTT thermometers report to the edge; each gets a summary every
-- five seconds, and readings above 8 degrees go out at once.

SET 'pipeline.name' = 'coldchain';

CREATE TABLE readings (
  device   STRING,
  celsius  DOUBLE,
  ts       TIMESTAMP_LTZ(3),
  topic    STRING METADATA FROM 'subject' VIRTUAL,
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH (
  'connector' = 'nats',
  'nats.stream' = 'SENSORS',
  'nats.subject' = 'sensors.>',
  'nats.stream.create' = 'true',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
);

CREATE TABLE summaries (
  window_end TIMESTAMP(3),
  device     STRING,
  readings   BIGINT,
  mean       DOUBLE,
  highest    DOUBLE
) WITH (
  'connector' = 'nats',
  'nats.stream' = 'COLDCHAIN',
  'nats.subject' = 'coldchain.summary',
  'nats.stream.create' = 'true',
  'format' = 'json'
);

CREATE TABLE alarms (
  ts      TIMESTAMP_LTZ(3),
  device  STRING,
  celsius DOUBLE,
  topic   STRING
) WITH (
  'connector' = 'filesystem',
  'path' = 'data/alarms',
  'format' = 'csv'
);

EXECUTE STATEMENT SET
BEGIN
  INSERT INTO summaries
  SELECT window_end, device, COUNT(*), AVG(celsius), MAX(celsius)
  FROM TABLE(TUMBLE(TABLE readings, DESCRIPTOR(ts), INTERVAL '5' SECOND))
  GROUP BY window_start, window_end, device;

  INSERT INTO alarms
  SELECT ts, device, celsius, topic FROM readings WHERE celsius > 8;
END;
