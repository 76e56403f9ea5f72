-- What a sink gets: casts, missing columns, partitions, constraints.
CREATE TABLE src (a INT, b INT, c STRING) WITH ('connector' = 'values');
CREATE TABLE wide (
  a BIGINT NOT NULL, b DOUBLE, c VARCHAR(3), d TIMESTAMP(3), m STRING METADATA FROM 'key', v STRING METADATA VIRTUAL, x AS a + 1
) WITH ('connector' = 'values');
CREATE TABLE parted (a INT, p BIGINT, c STRING) PARTITIONED BY (p) WITH ('connector' = 'values');
CREATE TABLE parted_csv WITH ('format' = 'csv') LIKE parted (EXCLUDING PARTITIONS);
SET 'table.exec.sink.not-null-enforcer' = 'DROP';
SET 'table.exec.sink.type-length-enforcer' = 'TRIM_PAD';
INSERT INTO wide (b, a, c) SELECT a, b, c FROM src;
INSERT INTO wide VALUES (1, 2.5, 'x', TIMESTAMP '2020-01-01 00:00:00', 'k'), (2, 3, NULL, NULL, NULL);
INSERT INTO parted PARTITION (p = 7) SELECT a, c FROM src;
INSERT OVERWRITE parted_csv SELECT a, b, c FROM src;
EXPLAIN CHANGELOG_MODE INSERT INTO parted SELECT a, b, c FROM src;
