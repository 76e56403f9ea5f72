-- The winning bid of an auction is its dearest, the earliest of equals; a seller's averages
-- are over a winning bid and the 10 before it (11 rows), in the order of their times, then
-- of arrival. AVG of a BIGINT truncates.
WITH winning AS (
  SELECT a.seller, b.price, b."dateTime", greatest(a.n, b.n) AS joined, b.n
  FROM auction a JOIN bid b ON a.id = b.auction AND b."dateTime" BETWEEN a."dateTime" AND a.expires
  QUALIFY row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.n) = 1)
SELECT seller::VARCHAR, (sum(price) OVER last11 // count(*) OVER last11)::BIGINT
FROM winning
WINDOW last11 AS (PARTITION BY seller ORDER BY "dateTime", joined, n ROWS BETWEEN 10 PRECEDING AND CURRENT ROW)
