-- A filter and projections behind an aggregate: of its rows the Calc is generated, too. One
-- total of a thousand cannot be divided, and is left to the interpreter with its batch.
CREATE TABLE orders (id BIGINT, customer STRING, amount INT, price DOUBLE, paid BOOLEAN) WITH ('connector' = 'nats', 'format' = 'json');

CREATE TABLE grades (customer STRING, orders BIGINT, grade STRING, share BIGINT, PRIMARY KEY (customer) NOT ENFORCED)
WITH ('connector' = 'nats', 'format' = 'json');

INSERT INTO grades
SELECT customer, COUNT(*), CASE WHEN SUM(amount) > 1000 THEN 'good' WHEN SUM(amount) < -1000 THEN 'bad' ELSE customer END,
  100000 / (COUNT(*) - 37)
FROM orders GROUP BY customer HAVING COUNT(*) > 5 AND (MAX(price) > 90 OR customer LIKE 'c2%');
