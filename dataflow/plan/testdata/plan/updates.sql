-- Updating streams: who needs -U, what a keyed sink gets.
CREATE TABLE src (k STRING, v INT) WITH ('connector' = 'values');
CREATE TABLE keyed (k STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'values');
CREATE TABLE changes (k STRING, n BIGINT) WITH ('connector' = 'values');
CREATE TABLE histogram (n BIGINT, keys_ BIGINT, PRIMARY KEY (n) NOT ENFORCED) WITH ('connector' = 'values');
SET 'table.exec.state.ttl' = '1 h';
EXECUTE STATEMENT SET BEGIN
-- no -U at all
INSERT INTO keyed SELECT k, COUNT(*) FROM src GROUP BY k;
-- the sink takes every kind
INSERT INTO changes SELECT k, SUM(v) FROM src GROUP BY k;
-- a filter on the result: a -U whose +U is filtered is a delete
INSERT INTO keyed SELECT /*+ STATE_TTL('src' = '2 d'), UID('busy') */ k, SUM(v) FROM src GROUP BY k HAVING COUNT(*) > 1;
-- an aggregation over an aggregation
INSERT INTO histogram SELECT n, COUNT(*) FROM (SELECT k, COUNT(*) AS n FROM src GROUP BY k) GROUP BY n;
END;
