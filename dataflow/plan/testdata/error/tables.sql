CREATE TABLE base (id INT, v STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'values', 'x' = '1');
====
CREATE TABLE base (a INT) WITH ('connector' = 'values')
----
CREATE TABLE t (a INT, a STRING) WITH ('connector' = 'values')
----
CREATE TABLE t (a INT, b AS a + x) WITH ('connector' = 'values')
----
CREATE TABLE t (a INT, b AS a + 1, c AS b + 1) WITH ('connector' = 'values')
----
CREATE TABLE t (a INT, PRIMARY KEY (a)) WITH ('connector' = 'values')
----
CREATE TABLE t (a INT, PRIMARY KEY (b) NOT ENFORCED) WITH ('connector' = 'values')
----
CREATE TABLE t (a INT, WATERMARK FOR a AS a) WITH ('connector' = 'values')
----
CREATE TABLE t (a TIMESTAMP(6), WATERMARK FOR a AS a) WITH ('connector' = 'values')
----
CREATE TABLE t (a TIMESTAMP(3), WATERMARK FOR b AS a) WITH ('connector' = 'values')
----
CREATE TABLE t (a TIMESTAMP(3), WATERMARK FOR a AS 5) WITH ('connector' = 'values')
----
CREATE TABLE t (a ROW<ts TIMESTAMP(3)>, WATERMARK FOR a.ts AS a.ts) WITH ('connector' = 'values')
----
CREATE TABLE t (a INT) PARTITIONED BY (b) WITH ('connector' = 'values')
----
CREATE TABLE t (a INT) WITH ('connector' = 'values', 'changelog-mode' = 'I,X')
----
CREATE TABLE t (a INT) WITH ('connector' = 'values', 'scan.watermark.emit.strategy' = 'always')
----
CREATE TABLE t (a INT) WITH ('connector' = 'values', 'edgeflow.watermark.max-ahead' = '1 fortnight')
----
CREATE TABLE t (a INT) WITH ('connector' = 'values', 'edgeflow.watermark.by' = 'b')
----
CREATE TABLE t LIKE bass
----
CREATE TABLE t (PRIMARY KEY (v) NOT ENFORCED) LIKE base
----
CREATE TABLE t WITH ('x' = '2') LIKE base (INCLUDING OPTIONS)
----
CREATE TABLE t (id STRING) LIKE base
----
CREATE TABLE t (nosuch, id) WITH ('connector' = 'values') AS SELECT id FROM base
----
CREATE TABLE t (a NOSUCH) WITH ('connector' = 'values')
----
CREATE VIEW base AS SELECT 1
----
CREATE VIEW w (a, b) AS SELECT id FROM base
----
CREATE FUNCTION f AS 'com.example.F'
----
SET 'table.exec.state.tll' = '1 h'
----
SET 'nosuch' = '1'
----
SET 'table.exec.state.ttl' = 'soon'
----
SET 'table.local-time-zone' = 'Mars/Olympus'
----
SET 'table.exec.mini-batch.enabled' = 'yes'
----
CREATE TABLE gap (ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'values', 'scan.watermark.emit.on-event.gap' = '0')
----
SET 'edgeflow.late' = 'correct';
SELECT window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE base, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end
----
SET 'table.exec.emit.allow-lateness' = '1 min';
SELECT COUNT(*) FROM base GROUP BY SESSION(ts, INTERVAL '1' SECOND)
----
SELECT /*+ STATE_TTL('bas' = '1 d') */ v, COUNT(*) FROM base GROUP BY v
----
SELECT /*+ STATE_TTL('base' = 'x') */ v, COUNT(*) FROM base GROUP BY v
----
SELECT /*+ UID('a') */ v, COUNT(*) FROM base GROUP BY v;
SELECT /*+ UID('a') */ id, COUNT(*) FROM base GROUP BY id
----
SELECT * FROM base /*+ OPTIONS('changelog-mode' = 'Q') */
