-- Every type from msgpack, fields of nested rows, and nested columns as a whole.
CREATE TABLE events (
  id BIGINT, unread STRING, flag BOOLEAN, tiny TINYINT, small SMALLINT, num INT, half FLOAT, real_ DOUBLE,
  price DECIMAL(9, 2), large DECIMAL(30, 4), name STRING, code CHAR(3), bin BYTES, day_of DATE, at_ TIME,
  ts0 TIMESTAMP(0), ts3 TIMESTAMP(3), ts9 TIMESTAMP(9), ltz TIMESTAMP_LTZ(6),
  bid ROW<auction BIGINT, bidder STRING, more ROW<x INT, y DOUBLE>, skipped STRING>,
  tags ARRAY<STRING>, props MAP<STRING, INT>, pos ROW<lat DOUBLE, lon DOUBLE>, last_unread INT, tail STRING
) WITH ('connector' = 'nats', 'format' = 'msgpack');

CREATE TABLE copies (
  id BIGINT, flag BOOLEAN, tiny TINYINT, small SMALLINT, num INT, half FLOAT, real_ DOUBLE,
  price DECIMAL(9, 2), large DECIMAL(30, 4), name STRING, code CHAR(3), bin BYTES, day_of DATE, at_ TIME,
  ts0 TIMESTAMP(0), ts3 TIMESTAMP(3), ts9 TIMESTAMP(9), ltz TIMESTAMP_LTZ(6),
  auction BIGINT, x INT, y DOUBLE, tags ARRAY<STRING>, props MAP<STRING, INT>, pos ROW<lat DOUBLE, lon DOUBLE>, tail STRING
) WITH ('connector' = 'nats', 'format' = 'json');

INSERT INTO copies
SELECT id, flag, tiny, small, num, half, real_, price, large, name, code, bin, day_of, at_, ts0, ts3, ts9, ltz,
  bid.auction, bid.more.x, bid.more.y, tags, props, pos, tail
FROM events;
