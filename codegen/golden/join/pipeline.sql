-- Two sources, each with a head of its own, joined by an interval.
CREATE TABLE clicks (id STRING, who STRING, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '1' SECOND)
WITH ('connector' = 'nats', 'format' = 'json');

CREATE TABLE buys (id STRING, who STRING, cents BIGINT, at TIMESTAMP(3), WATERMARK FOR at AS at - INTERVAL '1' SECOND)
WITH ('connector' = 'nats', 'format' = 'msgpack');

CREATE TABLE matched (click STRING, buy STRING, who STRING, cents BIGINT) WITH ('connector' = 'nats', 'format' = 'json');

INSERT INTO matched
SELECT c.id, b.id, c.who, b.cents FROM clicks c JOIN buys b
  ON c.who = b.who AND b.at BETWEEN c.at AND c.at + INTERVAL '10' SECOND
WHERE b.cents > 100;
