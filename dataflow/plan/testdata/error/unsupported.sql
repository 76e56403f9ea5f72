CREATE TABLE t (a INT, b STRING, c ARRAY<INT>, ts TIMESTAMP(3), pt AS PROCTIME(), WATERMARK FOR ts AS ts) WITH ('connector' = 'values');
====
SELECT * FROM t FOR SYSTEM_TIME AS OF t.pt
----
SELECT * FROM LATERAL TABLE(f(1))
----
SELECT MULTISET[1, 2]
----
EXPLAIN CREATE TABLE u (a INT)
----
SELECT a, window_time, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(pt), INTERVAL '1' SECOND)) WHERE window_start > ts GROUP BY a, window_start, window_end, window_time
