-- Decimals of both widths, numbers of all kinds, and columns that are NULL mostly.
SET 'table.local-time-zone' = 'Europe/Berlin';
SET 'edgeflow.watermark.max-ahead' = '1 d';

CREATE TABLE readings (
  k BIGINT, half FLOAT, small DECIMAL(9, 2), large DECIMAL(30, 4), d DOUBLE, on_line BOOLEAN, day_of DATE, note STRING,
  ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts
) WITH ('connector' = 'nats', 'format' = 'json');

CREATE TABLE sums (
  k BIGINT, on_line BOOLEAN, day_of DATE, window_start TIMESTAMP(3),
  n BIGINT, notes BIGINT, half FLOAT, mean_half FLOAT, small DECIMAL(38, 2), mean_small DECIMAL(38, 6), large DECIMAL(38, 4),
  least DECIMAL(9, 2), most DECIMAL(30, 4), low DOUBLE, high DOUBLE, first_note STRING, spread DOUBLE, on_sum BIGINT
) WITH ('connector' = 'nats', 'format' = 'json');

CREATE TABLE copies (
  k BIGINT, half FLOAT, small DECIMAL(9, 2), large DECIMAL(30, 4), d DOUBLE, on_line BOOLEAN, day_of DATE, note STRING
) WITH ('connector' = 'nats', 'format' = 'json');

EXECUTE STATEMENT SET
BEGIN
  INSERT INTO sums
  SELECT k, on_line, day_of, window_start, COUNT(*), COUNT(note), SUM(half), AVG(half), SUM(small), AVG(small), SUM(large),
    MIN(small), MAX(large), MIN(d), MAX(d), MIN(note), STDDEV_POP(d), SUM(k) FILTER (WHERE on_line)
  FROM TABLE(CUMULATE(TABLE readings, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '1' DAY))
  GROUP BY k, on_line, day_of, window_start, window_end;

  INSERT INTO copies SELECT k, half, small, large, d, on_line, day_of, note FROM readings;
END;
