CREATE TABLE t (a INT, b STRING, c ARRAY<INT>, m MAP<STRING, ROW<x INT, y STRING>>) WITH ('connector' = 'values');
CREATE TABLE u (a BIGINT, d INT NOT NULL, e INT) WITH ('connector' = 'values');

-- semi and anti joins
SELECT a FROM t WHERE b <> 'x' AND a IN (SELECT a FROM u WHERE u.e > 3) AND NOT EXISTS (SELECT 1 FROM u WHERE u.d = t.a);
-- NOT IN knows about NULLs
SELECT a FROM t WHERE a NOT IN (SELECT e FROM u WHERE u.a = t.a);
-- values
SELECT a, (SELECT MAX(e) FROM u) AS m, (SELECT COUNT(*) FROM u WHERE u.d = t.a) AS n FROM t WHERE a > (SELECT e FROM u) OR EXISTS (SELECT * FROM u WHERE e > 1);
SELECT b, CASE WHEN a IN (SELECT e FROM u) THEN 1 ELSE 2 END FROM t;
-- collections
SELECT t.b, e, k, x, o FROM t CROSS JOIN UNNEST(c) AS s (e) LEFT JOIN UNNEST(m) WITH ORDINALITY AS f (k, v, o) ON TRUE CROSS JOIN LATERAL (SELECT v.x AS x FROM (VALUES (1)) AS w (i) WHERE o > 0) WHERE t.a = 1;
-- set operations
SELECT a FROM t INTERSECT SELECT d FROM u;
SELECT a FROM t EXCEPT ALL SELECT d FROM u;
-- above an aggregation
SELECT b, COUNT(*) AS n FROM t GROUP BY b HAVING COUNT(*) > (SELECT AVG(e) FROM u) AND EXISTS (SELECT 1 FROM u);
