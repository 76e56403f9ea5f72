-- What works but deserves a second look.
SET 'table.optimizer.reuse-sub-plan-enabled' = 'true';
CREATE TABLE t (a INT, at TIMESTAMP(3)) WITH ('connector' = 'values');
CREATE TABLE w (a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'values');
SELECT /*+ BROADCAST(t) */ COUNT(*) FROM t GROUP BY 1;
SELECT ts FROM w;
SELECT at, SUM(a) OVER (PARTITION BY at ORDER BY ts) FROM (SELECT a, a AS at, ts FROM w);
CREATE TABLE s (a INT, r DOUBLE) WITH ('connector' = 'values');
INSERT INTO s SELECT c, RAND() FROM (SELECT CAST(COUNT(*) AS INT) AS c FROM t GROUP BY a);
INSERT INTO s SELECT a, 1 FROM t;
