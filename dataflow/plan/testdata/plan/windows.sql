-- Every window function, fused with its aggregation, and on its own.
CREATE TABLE bids (
  auction BIGINT, bidder BIGINT, price BIGINT, ts TIMESTAMP(3),
  pt AS PROCTIME(),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'values');

SELECT auction, window_start, window_end, COUNT(*), MAX(price)
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '2' SECOND))
GROUP BY auction, window_start, window_end;

SELECT window_end, window_start, SUM(price)
FROM TABLE(HOP(DATA => TABLE bids, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '1' MINUTE, SLIDE => INTERVAL '25' SECOND))
GROUP BY window_start, window_end;

SELECT bidder, window_start, window_end, COUNT(DISTINCT auction) FILTER (WHERE price > 10)
FROM TABLE(CUMULATE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' MINUTE, INTERVAL '1' DAY))
WHERE price < 1000 AND bidder IS NOT NULL
GROUP BY bidder, window_start, window_end
HAVING COUNT(*) > 2 AND bidder > 5;

-- sessions by the keys: fused
SELECT bidder, window_start, window_end, COUNT(*)
FROM TABLE(SESSION(TABLE bids PARTITION BY bidder, DESCRIPTOR(ts), INTERVAL '30' SECOND))
GROUP BY bidder, window_start, window_end;

-- sessions of all rows, grouped by bidder within: not fused
SELECT bidder, window_start, window_end, COUNT(*)
FROM TABLE(SESSION(TABLE bids, DESCRIPTOR(ts), INTERVAL '30' SECOND))
GROUP BY bidder, window_start, window_end;

-- a filter on the window keeps the window function apart
SELECT auction, window_start, window_end, COUNT(*)
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND))
WHERE window_start > TIMESTAMP '2020-01-01 00:00:00'
GROUP BY auction, window_start, window_end;

-- windows of processing time
SELECT auction, window_start, window_end, window_time, COUNT(*)
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(pt), INTERVAL '10' SECOND))
GROUP BY auction, window_start, window_end, window_time;

-- no aggregation
SELECT * FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND)) WHERE price > 5;

-- only the start: an aggregation for ever
SELECT window_start, COUNT(*)
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start;
