-- Processing time is arrival time, which is event time where the rate is not limited.
SELECT bidder, count(*), time_bucket(INTERVAL 10 SECOND, "dateTime", TIMESTAMP '2000-01-01') AS start, start + INTERVAL 10 SECOND
FROM bid
GROUP BY bidder, start
