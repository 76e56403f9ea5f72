CREATE TABLE ticker (symbol STRING, price INT, tax INT, kind STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'values');

-- columns of rows, offsets, aggregates, quantifiers, the time of the match
SELECT * FROM ticker
MATCH_RECOGNIZE (
  PARTITION BY symbol
  ORDER BY ts, tax DESC
  MEASURES
    FIRST(DOWN.price + DOWN.tax) AS start_total,
    LAST(DOWN.price, 1) AS before_last,
    SUM(DOWN.price * 2) AS total,
    COUNT(*) AS n,
    UP.price - FIRST(price) AS rise,
    MATCH_ROWTIME() AS found
  ONE ROW PER MATCH
  AFTER MATCH SKIP TO LAST DOWN
  PATTERN (A? DOWN{2,5} MID*? UP) WITHIN INTERVAL '10' MINUTE
  DEFINE
    DOWN AS price < LAST(DOWN.price, 1) OR LAST(DOWN.price, 1) IS NULL,
    UP AS UP.price > LAST(DOWN.price) AND AVG(DOWN.price) < 100 AND PREV(UP.tax) = 1
) AS m WHERE total > 10;
