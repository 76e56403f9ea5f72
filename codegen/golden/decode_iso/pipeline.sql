-- JSON in the ISO-8601 standard, where what cannot be read is NULL; columns that must not be
-- NULL, and names that are longer than a comparison of words or beyond ASCII.
CREATE TABLE events (
  `größe` INT NOT NULL, a_name_that_is_longer_than_sixteen_bytes STRING NOT NULL, ts TIMESTAMP(3), ltz TIMESTAMP_LTZ(3),
  price DECIMAL(18, 9), wide DECIMAL(19, 0), big BIGINT, pos ROW<lat DOUBLE, lon DOUBLE NOT NULL>
) WITH ('connector' = 'nats', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601', 'json.ignore-parse-errors' = 'true');

CREATE TABLE copies (
  size INT, name STRING, ts TIMESTAMP(3), ltz TIMESTAMP_LTZ(3), price DECIMAL(18, 9), wide DECIMAL(19, 0), big BIGINT, lat DOUBLE
) WITH ('connector' = 'nats', 'format' = 'json');

INSERT INTO copies
SELECT `größe`, a_name_that_is_longer_than_sixteen_bytes, ts, ltz, price, wide, big, pos.lat FROM events;
