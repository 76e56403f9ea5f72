-- Literal arguments, filters, and keys that are DOUBLE, DECIMAL of 128 bits and long texts; one window without keys.
CREATE TABLE points (d DOUBLE, wide DECIMAL(30, 4), name STRING, ok BOOLEAN, n INT, t TIME(0), ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
WITH ('connector' = 'nats', 'format' = 'json');

CREATE TABLE sums (d DOUBLE, wide DECIMAL(30, 4), name STRING, c1 BIGINT, c2 BIGINT, c3 DOUBLE, c4 STRING, c5 DECIMAL(38, 2), c6 BIGINT, c7 INT, c8 STRING, c9 BOOLEAN)
WITH ('connector' = 'nats', 'format' = 'json');

CREATE TABLE totals (n BIGINT, least DOUBLE, firsts STRING, mean DECIMAL(38, 6), never DOUBLE) WITH ('connector' = 'nats', 'format' = 'json');

EXECUTE STATEMENT SET
BEGIN
  INSERT INTO sums
  SELECT d, wide, name, COUNT('x'), SUM(2), SUM(1.5e0), MAX('x'), SUM(1.25), COUNT(*) FILTER (WHERE n > 5), MIN(n) FILTER (WHERE ok), MAX(name) FILTER (WHERE ok), MAX(ok)
  FROM TABLE(TUMBLE(TABLE points, DESCRIPTOR(ts), INTERVAL '5' SECOND))
  GROUP BY d, wide, name, window_start, window_end;

  INSERT INTO totals
  SELECT COUNT(*), MIN(d) FILTER (WHERE n <> 3), FIRST_VALUE(name), AVG(wide), MIN(d - CAST(NULL AS DOUBLE))
  FROM TABLE(TUMBLE(TABLE points, DESCRIPTOR(ts), INTERVAL '2' SECOND))
  WHERE n IS NOT NULL
  GROUP BY window_start, window_end;
END;
