CREATE TABLE t (a INT NOT NULL, b STRING, c INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'values');
SELECT a, b, GROUPING(a), GROUPING_ID(a, b), SUM(a), COUNT(*) FROM t GROUP BY GROUPING SETS ((a, b), (b), ());
SELECT a, window_start, window_end, SUM(c)
FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECOND))
GROUP BY CUBE (a), window_start, window_end;
