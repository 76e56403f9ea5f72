-- Every type from CSV.
CREATE TABLE events (
  id BIGINT, unread STRING, flag BOOLEAN, tiny TINYINT, num INT, half FLOAT, real_ DOUBLE,
  price DECIMAL(9, 2), large DECIMAL(30, 4), name STRING, bin BYTES, day_of DATE, at_ TIME,
  ts3 TIMESTAMP(3), ts9 TIMESTAMP(9), ltz TIMESTAMP_LTZ(3), tags ARRAY<STRING>, pos ROW<lat DOUBLE, lon DOUBLE>, tail STRING
) WITH ('connector' = 'nats', 'format' = 'csv');

CREATE TABLE copies (
  id BIGINT, flag BOOLEAN, tiny TINYINT, num INT, half FLOAT, real_ DOUBLE,
  price DECIMAL(9, 2), large DECIMAL(30, 4), name STRING, bin BYTES, day_of DATE, at_ TIME,
  ts3 TIMESTAMP(3), ts9 TIMESTAMP(9), ltz TIMESTAMP_LTZ(3), tags ARRAY<STRING>, pos ROW<lat DOUBLE, lon DOUBLE>, tail STRING
) WITH ('connector' = 'nats', 'format' = 'json');

INSERT INTO copies
SELECT id, flag, tiny, num, half, real_, price, large, name, bin, day_of, at_, ts3, ts9, ltz, tags, pos, tail FROM events;
