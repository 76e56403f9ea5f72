-- Very many groups: a window of an hour by a number.
CREATE TABLE calls (subscriber BIGINT, seconds INT, cents BIGINT, at TIMESTAMP_LTZ(3), WATERMARK FOR at AS at - INTERVAL '5' SECOND)
WITH ('connector' = 'nats', 'format' = 'msgpack');

CREATE TABLE bills (subscriber BIGINT, calls BIGINT, seconds BIGINT, longest INT, cents BIGINT) WITH ('connector' = 'nats', 'format' = 'json');

INSERT INTO bills
SELECT subscriber, COUNT(*), SUM(CAST(seconds AS BIGINT)), MAX(seconds), SUM(cents)
FROM TABLE(TUMBLE(TABLE calls, DESCRIPTOR(at), INTERVAL '1' HOUR))
GROUP BY subscriber, window_start, window_end;
