CREATE TABLE orders (id BIGINT, price DECIMAL(10, 2), buyer ROW<name STRING, city STRING>, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'values');
CREATE TABLE sink (id BIGINT, total DECIMAL(10, 2)) WITH ('connector' = 'values');
CREATE VIEW v AS SELECT id FROM orders;
====
SELECT pricee FROM orders
----
SELECT Price FROM orders
----
SELECT o.prize FROM orders AS o
----
SELECT orders.id FROM orders AS o
----
SELECT buyer.nam FROM orders
----
SELECT price.x FROM orders
----
SELECT id FROM order
----
SELECT id FROM ordrs
----
SELECT nosuch.id FROM orders
----
SELECT UPER(buyer.name) FROM orders
----
SELECT SUBSTRNG(buyer.name, 1) FROM orders
----
SELECT id FROM (SELECT id, id AS id2 FROM orders) AS t (a, b, c)
----
WITH a AS (SELECT id FROM orders) SELECT id FROM b
----
SELECT x FROM TABLE(TUMBEL(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' SECOND))
----
INSERT INTO sinc SELECT id, price FROM orders
----
INSERT INTO v SELECT id FROM orders
----
INSERT INTO sink (id, totel) SELECT id, price FROM orders
----
DROP TABLE orderz
----
SELECT *
----
SELECT a.* FROM orders
----
SELECT id, COUNT(*) FROM orders GROUP BY idd
----
SELECT id AS k, COUNT(*) FROM orders GROUP BY k
