-- A bid at t lies in the five windows that begin 0, 2, 4, 6 and 8 seconds before the even
-- second at or before t, windows that begin before the first bid included.
WITH counts AS (
  SELECT auction, time_bucket(INTERVAL 2 SECOND, "dateTime", TIMESTAMP '2000-01-01') - k * INTERVAL 2 SECOND AS start, count(*) AS num
  FROM bid, range(5) AS hops(k)
  GROUP BY ALL)
SELECT auction, num
FROM counts
QUALIFY num = max(num) OVER (PARTITION BY start)
