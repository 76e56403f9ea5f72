CREATE TABLE t (a INT, b STRING, ts TIMESTAMP(3), pt AS PROCTIME(), WATERMARK FOR ts AS ts) WITH ('connector' = 'values');
CREATE TABLE u (a INT, c STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'values');
CREATE TABLE k (a INT, c STRING, PRIMARY KEY (a) NOT ENFORCED) WITH ('connector' = 'values');
CREATE TABLE v (a INT, c STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts, PRIMARY KEY (a) NOT ENFORCED) WITH ('connector' = 'values', 'changelog-mode' = 'I,UB,UA,D');
CREATE TABLE z (a INT, ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts, PRIMARY KEY (a) NOT ENFORCED) WITH ('connector' = 'values');
====
SELECT * FROM t JOIN u FOR SYSTEM_TIME AS OF t.ts ON t.a = u.a
----
SELECT * FROM t JOIN k FOR SYSTEM_TIME AS OF t.ts ON t.a = k.a
----
SELECT * FROM t JOIN v FOR SYSTEM_TIME AS OF t.ts ON t.b = v.c
----
SELECT * FROM t JOIN k FOR SYSTEM_TIME AS OF t.a ON t.a = k.a
----
SELECT * FROM t RIGHT JOIN k FOR SYSTEM_TIME AS OF t.pt ON t.a = k.a
----
SELECT * FROM t JOIN v ON t.a = v.a AND t.ts BETWEEN v.ts AND v.ts + INTERVAL '1' SECOND
----
SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' SECOND)) x JOIN TABLE(TUMBLE(TABLE u, DESCRIPTOR(ts), INTERVAL '2' SECOND)) y ON x.window_start = y.window_start AND x.window_end = y.window_end
----
SELECT * FROM t JOIN z FOR SYSTEM_TIME AS OF t.ts ON t.a = z.a
