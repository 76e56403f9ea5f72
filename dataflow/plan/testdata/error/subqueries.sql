CREATE TABLE t (a INT, b STRING, c ARRAY<INT>, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'values');
CREATE TABLE u (a INT, c STRING) WITH ('connector' = 'values');
====
SELECT a FROM t WHERE a IN (SELECT a, c FROM u)
----
SELECT a FROM t WHERE a IN (SELECT a FROM u WHERE u.c = t.x)
----
SELECT a FROM t WHERE a IN (SELECT t.a + u.a FROM u)
----
SELECT (SELECT MAX(u.a) FROM u WHERE u.a > t.a) FROM t
----
SELECT a, COUNT(*) FROM t GROUP BY a HAVING COUNT(*) > (SELECT MAX(a) FROM u WHERE u.a = t.a)
----
SELECT * FROM t JOIN u ON t.a = u.a AND EXISTS (SELECT 1 FROM u)
----
SELECT * FROM t, UNNEST(b)
----
SELECT * FROM t, UNNEST(c, c)
----
SELECT * FROM t LEFT JOIN UNNEST(c) AS x ON x > 1
----
SELECT * FROM t RIGHT JOIN UNNEST(c) AS x ON TRUE
----
SELECT a FROM t INTERSECT SELECT a, c FROM u
----
SELECT a FROM t EXCEPT SELECT c FROM u
