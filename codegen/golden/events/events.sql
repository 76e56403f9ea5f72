-- Every type that a column of a producer's event can have, as msgpack and as JSON.
CREATE TABLE readings (
  id BIGINT NOT NULL,
  flag BOOLEAN,
  tiny TINYINT,
  small SMALLINT,
  count_ INT NOT NULL,
  ratio FLOAT,
  level DOUBLE NOT NULL,
  price DECIMAL(10, 2),
  huge DECIMAL(38, 10) NOT NULL,
  name STRING,
  code CHAR(3) NOT NULL,
  raw BYTES,
  day DATE,
  clock TIME(3),
  ts TIMESTAMP(3) NOT NULL,
  ts9 TIMESTAMP(9),
  at_ TIMESTAMP_LTZ(3),
  tags ARRAY<STRING>,
  counts MAP<STRING, INT>,
  bag MULTISET<STRING>,
  place ROW<lat DOUBLE, lon DOUBLE NOT NULL, seen TIMESTAMP(3), zone ROW<name STRING>>,
  trail ARRAY<ROW<n INT, prices ARRAY<DECIMAL(5, 1)>> NOT NULL>,
  nested MAP<STRING, ROW<at_ TIMESTAMP_LTZ(6)>>,
  doubled AS count_ * 2,
  WATERMARK FOR ts AS ts
) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'json');
CREATE TABLE iso (
  id BIGINT,
  ts TIMESTAMP(6),
  at_ TIMESTAMP_LTZ(6)
) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601');
CREATE TABLE seen (id BIGINT) WITH ('connector' = 'blackhole');
EXECUTE STATEMENT SET BEGIN
INSERT INTO seen SELECT id FROM readings;
INSERT INTO seen SELECT id FROM iso;
END;
