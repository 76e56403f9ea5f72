-- Constants, merging, filters and columns pushed down.
CREATE TABLE t (a INT, b BIGINT, c STRING, x AS a + 1) WITH ('connector' = 'values');
CREATE TABLE u (a INT, b BIGINT, c STRING) WITH ('connector' = 'values');
-- merged into one calc, constant folded
SELECT d * (1 + 1) AS e FROM (SELECT x + 1 AS d, c FROM t WHERE TRUE AND a > 2 + 3) WHERE c = 'y';
-- not merged: RAND() would be computed twice
SELECT r + 5, r - 7 FROM (SELECT RAND() AS r FROM t);
-- into both sides of the union, and below the aggregation
SELECT * FROM (SELECT a, COUNT(*) AS n FROM (SELECT a, b FROM t UNION ALL SELECT a, b FROM u) GROUP BY a) WHERE a = 3 AND n > 1;
-- types of a union
SELECT a FROM t UNION ALL SELECT b FROM u;
SELECT a FROM t UNION SELECT a FROM u;
SELECT DISTINCT c FROM t;
SELECT COUNT(*) FROM t;
