SELECT final IN (1), running, interval - 1, `map`['k'], array, date, time, timestamp, key, comment, filter, range, rows, first FROM t;
SELECT JSON_OBJECT(KEY value VALUE key), JSON_OBJECT(key VALUE value, KEY key VALUE 1), trim(both), trim(LEADING leading FROM trailing);
SELECT a BETWEEN `symmetric` AND b, sum(a) OVER (ORDER BY b ROWS `unbounded` PRECEDING), `unknown`, member, permute FROM t WINDOW range AS (ORDER BY ts);
SELECT primary, unique FROM watermark AS constraint, filter unique, recursive;
CREATE TABLE comment (watermark INT, constraint STRING, unique INT COMMENT 'c', metadata STRING METADATA, comment STRING COMMENT 'd', key INT);
WITH recursive AS (SELECT 1) SELECT * FROM recursive;
SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES final AS first AFTER MATCH SKIP TO LAST PATTERN (last `permute`) DEFINE last AS TRUE);
