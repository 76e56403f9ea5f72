-- BETWEEN includes a window's end, so a bid at the boundary may match two windows. The
-- columns are in the published order: the price goes to the column bidder.
WITH best AS (
  SELECT max(price) AS maxprice, time_bucket(INTERVAL 10 SECOND, "dateTime", TIMESTAMP '2000-01-01') + INTERVAL 10 SECOND AS ends
  FROM bid
  GROUP BY ends)
SELECT b.auction, b.price, b.bidder, b."dateTime", b.extra
FROM bid b JOIN best w ON b.price = w.maxprice AND b."dateTime" BETWEEN w.ends - INTERVAL 10 SECOND AND w.ends
