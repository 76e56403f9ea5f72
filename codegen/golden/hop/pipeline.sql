-- A computed event time in front of the watermark, a filter behind it, and one key that is a number.
CREATE TABLE pulses (meter BIGINT NOT NULL, sent BIGINT NOT NULL, watts INT, at AS TO_TIMESTAMP_LTZ(sent, 3),
  WATERMARK FOR at AS at - INTERVAL '2' SECOND)
WITH ('connector' = 'nats', 'format' = 'csv');

CREATE TABLE power (meter BIGINT, until_ts TIMESTAMP(3), n BIGINT, mean_watts DOUBLE, kinds BIGINT) WITH ('connector' = 'nats', 'format' = 'json');

INSERT INTO power
SELECT meter, window_end, COUNT(*), AVG(CAST(watts AS DOUBLE)), APPROX_COUNT_DISTINCT(watts)
FROM TABLE(HOP(TABLE pulses, DESCRIPTOR(at), INTERVAL '5' SECOND, INTERVAL '20' SECOND))
WHERE watts > 0
GROUP BY meter, window_start, window_end;
