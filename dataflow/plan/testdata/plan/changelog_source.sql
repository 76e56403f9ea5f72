-- Sources of changes.
CREATE TABLE upserts (id INT, name STRING, big STRING, PRIMARY KEY (id) NOT ENFORCED)
  WITH ('connector' = 'values', 'changelog-mode' = 'I,UA,D');
CREATE TABLE retracts (id INT, name STRING) WITH ('connector' = 'values', 'changelog-mode' = 'I,UB,UA,D');
CREATE TABLE kept (id INT, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'values');
-- nobody needs former rows: nothing is kept
INSERT INTO kept SELECT id, name FROM upserts;
-- counting needs them
SELECT name, COUNT(*), MAX(id) FROM upserts GROUP BY name;
-- a filter that is not on the key needs them
SELECT id FROM upserts WHERE name <> 'x';
SELECT SUM(id) FROM retracts;
