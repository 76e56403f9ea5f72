-- A group aggregate: rows of the head go on to the interpreter's operator.
CREATE TABLE orders (id BIGINT, customer STRING, amount INT, price DOUBLE, paid BOOLEAN) WITH ('connector' = 'nats', 'format' = 'json');

CREATE TABLE totals (customer STRING, orders BIGINT, amount BIGINT, best DOUBLE, PRIMARY KEY (customer) NOT ENFORCED)
WITH ('connector' = 'nats', 'format' = 'json');

INSERT INTO totals
SELECT customer, COUNT(*), SUM(amount), MAX(price) FROM orders WHERE paid GROUP BY customer;
