-- Only the fields that are used are decoded.
CREATE TABLE events (
  id STRING,
  player ROW<name STRING, device ROW<os STRING, model STRING, `serial no` STRING> NOT NULL, extra MAP<STRING, STRING>>,
  tags ARRAY<ROW<k STRING, v STRING>>,
  os AS UPPER(player.device.os),
  sent TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  subject STRING METADATA,
  ts BIGINT,
  event_time AS TO_TIMESTAMP_LTZ(ts, 3),
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH ('connector' = 'values', 'format' = 'json', 'scan.watermark.emit.strategy' = 'on-event', 'edgeflow.watermark.by' = 'id',
  'edgeflow.watermark.max-ahead' = '10 min', 'scan.watermark.idle-timeout' = '30 s');
SELECT e.player.name, e.player.device.model, os, tags[1].v, e.player.extra['x'], sent FROM events AS e WHERE e.player.device.`serial no` <> '';
SELECT player.device, player.device.os FROM events /*+ OPTIONS('scan.watermark.emit.strategy' = 'on-periodic'), UID('raw') */;
