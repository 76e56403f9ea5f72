CREATE TABLE src (k STRING, v INT) WITH ('connector' = 'values');
CREATE TABLE appends (k STRING, n BIGINT) WITH ('connector' = 'values', 'changelog-mode' = 'I');
CREATE TABLE nodelete (k STRING, n BIGINT) WITH ('connector' = 'values', 'changelog-mode' = 'I,UB,UA');
CREATE TABLE keyless (k STRING, n BIGINT) WITH ('connector' = 'datagen', 'changelog-mode' = 'I,UA,D');
CREATE TABLE keyed (k STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'values');
CREATE TABLE ups (k STRING, v INT) WITH ('connector' = 'values', 'changelog-mode' = 'I,UA,D');
CREATE TABLE cdc (k STRING, v INT) WITH ('connector' = 'values', 'changelog-mode' = 'I,UB,UA,D');
====
INSERT INTO appends SELECT k, COUNT(*) FROM src GROUP BY k
----
INSERT INTO appends SELECT k, CAST(v AS BIGINT) FROM cdc
----
INSERT INTO nodelete SELECT k, COUNT(*) FROM cdc GROUP BY k
----
INSERT INTO keyless SELECT k, COUNT(*) FROM src GROUP BY k
----
SELECT * FROM ups
----
INSERT INTO keyed SELECT k, v FROM src
----
INSERT INTO keyed SELECT k, v FROM src ON CONFLICT DO NOTHING
----
INSERT INTO appends SELECT k, v FROM src ON CONFLICT DO NOTHING
----
SELECT k, APPROX_COUNT_DISTINCT(v) FROM cdc GROUP BY k
