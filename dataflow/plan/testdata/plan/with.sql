-- WITH, aliases with column lists, stars.
CREATE TABLE src (a INT, b ROW<x INT, y STRING>, c STRING) WITH ('connector' = 'values');
WITH small AS (SELECT * FROM src WHERE a < 10), named (one, two) AS (SELECT a, c FROM small)
SELECT n.*, n.one + 1 FROM named AS n;
SELECT t.p, t.q.y, t.* FROM src AS t (p, q, r);
SELECT b.*, src.b.x FROM src;
SELECT default_catalog.default_database.src.a FROM default_catalog.default_database.src;
SELECT a, a, a + 1 FROM (VALUES (1, 'x'), (CAST(NULL AS INT), 'yy')) AS v (a, s);
TABLE src;
SELECT CASE c WHEN 'a', 'b' THEN 1 ELSE 0 END, a BETWEEN 1 AND 2, c NOT LIKE 'x%', a NOT IN (1, 2), TRIM(LEADING 'x' FROM c),
  EXTRACT(YEAR FROM DATE '2020-02-03'), JSON_VALUE(c, '$.a' RETURNING INT DEFAULT 0 ON EMPTY), b IS NOT NULL, CAST(a AS STRING) || c, ARRAY[a, 2][1], -a
FROM src;
