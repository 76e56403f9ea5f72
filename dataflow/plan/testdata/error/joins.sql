CREATE TABLE t (a INT, b STRING, pt AS PROCTIME()) WITH ('connector' = 'values');
CREATE TABLE u (a INT, c STRING) WITH ('connector' = 'values');
====
SELECT * FROM t JOIN u ON t.a = u.x
----
SELECT * FROM t JOIN u ON a = 1
----
SELECT * FROM t JOIN u ON t.a + u.a
----
SELECT * FROM t JOIN u USING (b)
----
SELECT * FROM t JOIN u USING (d)
----
SELECT * FROM t JOIN u AS v (x, y, z) ON t.a = v.x
----
SELECT /*+ STATE_TTL('w' = '1 d') */ * FROM t JOIN u ON t.a = u.a
----
CREATE TABLE v (a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'values'); SELECT window_start, COUNT(*) FROM TABLE(TUMBLE((SELECT v.a, v.ts FROM v JOIN u ON v.a = u.a), DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end
