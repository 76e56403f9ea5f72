SET 'table.exec.state.ttl' = '2 h';
CREATE TABLE e (id INT, boss INT, dept STRING, pay INT, at TIMESTAMP(3), pt AS PROCTIME(), home ROW<city STRING, zip STRING>, WATERMARK FOR at AS at) WITH ('connector' = 'values', 'format' = 'json');
CREATE TABLE d (dept STRING, at TIMESTAMP(3), head INT, WATERMARK FOR at AS at, PRIMARY KEY (dept) NOT ENFORCED) WITH ('connector' = 'values', 'changelog-mode' = 'I,UA,D');

-- a table joined with itself, twice
SELECT a.id, b.id AS boss, c.id AS top FROM e a JOIN e b ON a.boss = b.id LEFT JOIN e c ON b.boss = c.id AND c.pay > a.pay;
-- kinds of joins
SELECT a.id FROM e a WHERE a.home.city = 'Bern' AND EXISTS (SELECT 1 FROM e b WHERE b.boss = a.id);
SELECT a.id FROM e a WHERE NOT EXISTS (SELECT 1 FROM e b WHERE b.boss = a.id AND b.pay > a.pay);
SELECT e.id, d.head FROM e LEFT JOIN d FOR SYSTEM_TIME AS OF e.at ON e.dept = d.dept AND d.head <> e.id;
-- Top-N, deduplication, OVER
SELECT * FROM (SELECT dept, id, pay, ROW_NUMBER() OVER (PARTITION BY dept ORDER BY pay DESC) AS n FROM e) WHERE n <= 3;
SELECT dept, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY dept ORDER BY at DESC) AS n FROM e) WHERE n = 1;
SELECT id, SUM(pay) OVER (PARTITION BY dept ORDER BY at RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW) FROM e;
-- a pattern
SELECT * FROM e MATCH_RECOGNIZE (PARTITION BY dept ORDER BY at MEASURES A.id AS a, B.id AS b PATTERN (A X* B) WITHIN INTERVAL '1' MINUTE DEFINE X AS X.pay > A.pay, B AS B.pay < A.pay);
-- sets
SELECT id FROM e INTERSECT SELECT boss FROM e;
SELECT id FROM e EXCEPT ALL SELECT head FROM d;
SELECT dept FROM e UNION SELECT dept FROM d;
