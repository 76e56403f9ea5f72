-- Top-N, deduplication, LIMIT, sorting and functions over windows of rows.
CREATE TABLE bid (auction BIGINT, bidder BIGINT, price BIGINT, ts TIMESTAMP(3), pt AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
WITH ('connector' = 'values');
CREATE TABLE kept (bidder BIGINT, auction BIGINT, price BIGINT, PRIMARY KEY (bidder, auction) NOT ENFORCED) WITH ('connector' = 'values');
CREATE TABLE ranked (auction BIGINT, price BIGINT, n BIGINT, PRIMARY KEY (auction, n) NOT ENFORCED) WITH ('connector' = 'values');
CREATE TABLE appends (auction BIGINT, price BIGINT, x BIGINT) WITH ('connector' = 'values', 'changelog-mode' = 'I');
CREATE TABLE changes (auction BIGINT, price BIGINT) WITH ('connector' = 'values');
EXECUTE STATEMENT SET BEGIN
-- the last row by event time: no row is kept for a sink that takes upserts
INSERT INTO kept SELECT bidder, auction, price FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY ts DESC) AS n FROM bid) WHERE n = 1;
-- the first row by arrival is append-only
INSERT INTO appends SELECT auction, price, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY pt) AS n FROM bid) WHERE n <= 1;
-- Top-N with its number, a filter on the partition and one on another column
INSERT INTO ranked SELECT auction, price, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS n FROM bid) WHERE n <= 10 AND auction > 5 AND price > 7;
-- without its number
INSERT INTO changes SELECT auction, price FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS n FROM bid) WHERE n BETWEEN 2 AND 3;
-- QUALIFY
INSERT INTO changes SELECT auction, price FROM bid QUALIFY ROW_NUMBER() OVER (PARTITION BY bidder ORDER BY price) <= 2;
-- Top-N over updates
INSERT INTO changes SELECT auction, n FROM (SELECT auction, COUNT(*) AS n FROM bid GROUP BY auction) ORDER BY n DESC, auction LIMIT 5 OFFSET 1;
-- Top-N and the last row by window
INSERT INTO appends SELECT auction, price, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, auction ORDER BY price DESC) AS n
  FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND))) WHERE n <= 3;
INSERT INTO appends SELECT auction, price, bidder FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, auction ORDER BY ts DESC) AS n
  FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND))) WHERE n = 1;
-- two frames over one order; a named window
INSERT INTO appends SELECT auction, SUM(price) OVER w, COUNT(*) OVER (w RANGE BETWEEN INTERVAL '1' MINUTE PRECEDING AND CURRENT ROW)
  FROM bid WINDOW w AS (PARTITION BY auction ORDER BY ts);
INSERT INTO appends SELECT auction, LAG(price, 2, 0) OVER (PARTITION BY auction ORDER BY pt), ROW_NUMBER() OVER (PARTITION BY auction ORDER BY pt) FROM bid;
-- in the order of a column
INSERT INTO changes SELECT auction, SUM(price) OVER (PARTITION BY auction ORDER BY bidder) FROM bid;
-- over groups
INSERT INTO changes SELECT auction, n FROM (SELECT auction, ROW_NUMBER() OVER (ORDER BY SUM(price) DESC) AS n FROM bid GROUP BY auction) WHERE n <= 2;
-- ranks with ties, which are no Top-N
INSERT INTO changes SELECT auction, r FROM (SELECT auction, RANK() OVER (ORDER BY price DESC) AS r FROM bid) WHERE r <= 2;
-- rows in the order of their times; by arrival as they come
INSERT INTO changes SELECT auction, price FROM bid ORDER BY ts, price DESC;
INSERT INTO changes SELECT auction, price FROM bid ORDER BY pt;
INSERT INTO changes SELECT auction, price FROM bid LIMIT 3;
-- the order of a subquery means nothing
INSERT INTO changes SELECT auction, price FROM (SELECT * FROM bid ORDER BY price);
-- rows with another key than the sink's
INSERT INTO kept SELECT bidder + 1, auction + 1, n FROM (SELECT bidder, auction, COUNT(*) AS n FROM bid GROUP BY bidder, auction);
-- the first rows for each row of another query
INSERT INTO changes SELECT k.auction, t.price FROM (SELECT DISTINCT auction FROM bid) AS k, LATERAL (SELECT price FROM bid WHERE bid.auction = k.auction ORDER BY price DESC LIMIT 3) AS t;
END;
