CREATE TABLE orders (id INT, customer INT, amount DECIMAL(10, 2), note STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'values', 'changelog-mode' = 'I,UB,UA,D');
CREATE TABLE customers (id BIGINT, name STRING, country STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'values');
CREATE TABLE countries (country STRING, continent STRING, extra STRING) WITH ('connector' = 'values');

-- the condition of WHERE moves into the join and below it; types of keys are made equal
SELECT o.id, c.name FROM orders AS o, customers AS c WHERE o.customer = c.id AND o.amount > 5 AND c.country = 'CH' AND o.note <> c.name;
-- a tree of joins
SELECT o.id, c.name, continent FROM orders o LEFT JOIN customers c ON o.customer = c.id AND o.amount > 10 LEFT JOIN countries USING (country) WHERE o.id < 100;
-- state of the sides
SELECT /*+ STATE_TTL('o' = '1 d', 'c' = '0 s') */ o.id FROM orders o FULL JOIN customers c ON o.id = c.id;
SELECT * FROM countries NATURAL JOIN customers;
SELECT c.name, o.id FROM customers c RIGHT JOIN orders o ON o.amount > c.id;
