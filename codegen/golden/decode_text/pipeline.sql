-- CSV with other characters, a text for NULL, comments, and errors that become NULL.
CREATE TABLE events (a INT, b STRING NOT NULL, c BIGINT, d STRING, e DOUBLE, f BOOLEAN)
WITH ('connector' = 'nats', 'format' = 'csv', 'csv.field-delimiter' = ';', 'csv.quote-character' = '''', 'csv.null-literal' = '-1',
  'csv.allow-comments' = 'true', 'csv.ignore-parse-errors' = 'true');

CREATE TABLE copies (a INT, b STRING, c BIGINT, d STRING, f BOOLEAN) WITH ('connector' = 'nats', 'format' = 'json');

INSERT INTO copies SELECT a, b, c, d, f FROM events;
