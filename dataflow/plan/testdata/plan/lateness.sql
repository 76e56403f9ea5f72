-- Windows that take late rows and revise their results, and what reads them.
CREATE TABLE bids (
  auction BIGINT, price BIGINT, ts TIMESTAMP(3), pt AS PROCTIME(),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'values');
CREATE TABLE minutes (auction BIGINT, w_end TIMESTAMP(3), top BIGINT, PRIMARY KEY (auction, w_end) NOT ENFORCED) WITH ('connector' = 'values');
SET 'table.exec.emit.allow-lateness' = '10 s';

INSERT INTO minutes SELECT auction, TUMBLE_END(ts, INTERVAL '1' MINUTE), MAX(price)
FROM bids GROUP BY auction, TUMBLE(ts, INTERVAL '1' MINUTE);

SET 'edgeflow.late' = 'correct';
SET 'edgeflow.allowed-lateness' = '5 s';

SELECT window_end, COUNT(*) FROM (
  SELECT auction, window_start, window_end, MAX(price) AS top
  FROM TABLE(HOP(TABLE bids, DESCRIPTOR(ts), INTERVAL '30' SECOND, INTERVAL '1' MINUTE))
  GROUP BY auction, window_start, window_end)
GROUP BY window_start, window_end;
