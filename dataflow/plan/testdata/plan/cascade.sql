-- Windows over windows, through views.
CREATE TABLE T1 (
  name STRING, item STRING, amount DECIMAL(10, 2), ts STRING,
  rowtime AS TO_TIMESTAMP(ts),
  WATERMARK FOR rowtime AS rowtime - INTERVAL '1' SECOND
) WITH ('connector' = 'values');
CREATE VIEW V1 AS
  SELECT name, window_time AS rowtime, COUNT(*) AS cnt, SUM(amount) AS total, COUNT(DISTINCT item) AS items
  FROM TABLE(TUMBLE(TABLE T1, DESCRIPTOR(rowtime), INTERVAL '5' SECOND))
  GROUP BY name, window_start, window_end, window_time;

-- a larger window over window_time
SELECT name, window_start, window_end, SUM(cnt), SUM(total)
FROM TABLE(TUMBLE(TABLE V1, DESCRIPTOR(rowtime), INTERVAL '10' SECOND))
GROUP BY name, window_start, window_end;

-- the same windows again
SELECT cnt, window_start, window_end, COUNT(*)
FROM (
  SELECT name, window_start, window_end, COUNT(*) AS cnt
  FROM TABLE(HOP(TABLE T1, DESCRIPTOR(rowtime), INTERVAL '5' SECOND, INTERVAL '10' SECOND))
  GROUP BY name, window_start, window_end)
GROUP BY cnt, window_start, window_end;
