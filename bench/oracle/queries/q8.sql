WITH p AS (
  SELECT DISTINCT id, name, time_bucket(INTERVAL 10 SECOND, "dateTime", TIMESTAMP '2000-01-01') AS start FROM person),
a AS (
  SELECT DISTINCT seller, time_bucket(INTERVAL 10 SECOND, "dateTime", TIMESTAMP '2000-01-01') AS start FROM auction)
SELECT p.id, p.name, p.start FROM p JOIN a ON p.id = a.seller AND p.start = a.start
