-- A gap of exactly 10 seconds merges: the next session begins behind it.
WITH marked AS (
  SELECT bidder, "dateTime", n,
    coalesce("dateTime" - lag("dateTime") OVER bids > INTERVAL 10 SECOND, false)::INT AS begins
  FROM bid
  WINDOW bids AS (PARTITION BY bidder ORDER BY "dateTime", n)),
numbered AS (
  SELECT bidder, "dateTime", sum(begins) OVER (PARTITION BY bidder ORDER BY "dateTime", n ROWS UNBOUNDED PRECEDING) AS session FROM marked)
SELECT bidder, count(*), min("dateTime"), max("dateTime") + INTERVAL 10 SECOND
FROM numbered
GROUP BY bidder, session
