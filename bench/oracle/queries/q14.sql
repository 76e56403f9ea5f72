WITH euro AS (
  SELECT auction, bidder, 0.908::DECIMAL(3, 3) * price::DECIMAL(19, 0) AS price, hour("dateTime") AS h, "dateTime", extra FROM bid)
SELECT auction, bidder, price,
  CASE WHEN h BETWEEN 8 AND 18 THEN 'dayTime' WHEN h <= 6 OR h >= 20 THEN 'nightTime' ELSE 'otherTime' END,
  "dateTime", extra, length(extra) - length(replace(extra, 'c', ''))
FROM euro
WHERE price > 1000000 AND price < 50000000
