-- What works but deserves a second look.
SET 'table.optimizer.reuse-sub-plan-enabled' = 'true';
CREATE TABLE t (a INT, at TIMESTAMP(3)) WITH ('connector' = 'values');
CREATE TABLE w (a INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'values');
SELECT /*+ BROADCAST(t) */ COUNT(*) FROM t GROUP BY 1;
SELECT ts FROM w;
