CREATE TABLE orders (id INT, item STRING, at TIMESTAMP(3), pt AS PROCTIME(), WATERMARK FOR at AS at - INTERVAL '1' SECOND) WITH ('connector' = 'values');
CREATE TABLE shipments (id INT, order_id BIGINT, at TIMESTAMP(3), pt AS PROCTIME(), WATERMARK FOR at AS at) WITH ('connector' = 'values');
CREATE TABLE prices (item STRING, price INT, at TIMESTAMP(3), WATERMARK FOR at AS at, PRIMARY KEY (item) NOT ENFORCED) WITH ('connector' = 'values', 'changelog-mode' = 'I,UA,D');
CREATE TABLE items (item STRING, name STRING, kind INT, PRIMARY KEY (item) NOT ENFORCED) WITH ('connector' = 'values');

-- interval joins: both bounds, from whatever comparisons they come
SELECT o.id, s.id FROM orders o JOIN shipments s ON o.id = s.order_id AND s.at BETWEEN o.at AND o.at + INTERVAL '4' HOUR;
SELECT o.id, s.id FROM orders o, shipments s WHERE o.id = s.order_id AND o.at + INTERVAL '1' MINUTE > s.at AND s.at - INTERVAL '5' SECOND >= o.at - INTERVAL '5' SECOND AND o.item <> 'x';
SELECT o.id, s.id FROM orders o LEFT JOIN shipments s ON o.id = s.order_id AND o.at = s.at + INTERVAL '2' SECOND;
SELECT o.id, s.id FROM orders o FULL JOIN shipments s ON o.pt BETWEEN s.pt - INTERVAL '5' SECOND AND s.pt AND o.id < s.id;
-- one bound alone is a regular join
SELECT o.id, s.id FROM orders o JOIN shipments s ON o.id = s.order_id AND s.at > o.at;
-- window joins
SELECT l.window_start, l.id, r.id FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(at), INTERVAL '1' MINUTE)) l
  LEFT JOIN TABLE(TUMBLE(TABLE shipments, DESCRIPTOR(at), INTERVAL '1' MINUTE)) r
  ON l.window_start = r.window_start AND l.window_end = r.window_end AND l.id = r.order_id;
-- a temporal join, of an updating versioned table
SELECT o.id, o.item, p.price FROM orders o LEFT JOIN prices FOR SYSTEM_TIME AS OF o.at AS p ON o.item = p.item AND p.price > 5;
-- lookup joins: by key, by a constant, of an updating left
SELECT o.id, i.name FROM orders o JOIN items FOR SYSTEM_TIME AS OF o.pt AS i ON o.item = i.item AND i.kind > 3;
SELECT o.id, i.name FROM orders o LEFT JOIN items FOR SYSTEM_TIME AS OF o.pt AS i ON i.kind = 2;
SELECT c.n, i.name FROM (SELECT item, COUNT(*) AS n, PROCTIME() AS pt FROM orders GROUP BY item) c LEFT JOIN items FOR SYSTEM_TIME AS OF c.pt AS i ON c.item = i.item;
