-- One scan feeds all; a view read twice is computed once.
CREATE TABLE src (a INT, b INT, c STRING, d STRING, unused STRING) WITH ('connector' = 'values');
CREATE TABLE s1 (a INT, n BIGINT) WITH ('connector' = 'values');
CREATE TABLE s2 (a INT, n BIGINT) WITH ('connector' = 'values');
CREATE TABLE s3 (c STRING) WITH ('connector' = 'values');
CREATE VIEW sums AS SELECT a, COUNT(*) AS n, SUM(b) AS s FROM src WHERE b > 0 GROUP BY a;
EXECUTE STATEMENT SET BEGIN
INSERT INTO s1 SELECT a, n FROM sums;
INSERT INTO s2 SELECT a, s FROM sums WHERE a > 10;
INSERT INTO s3 SELECT c FROM src WHERE d = 'x';
END;
