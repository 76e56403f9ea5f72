-- Fields of three nested rows, of which an event has one: for the cost of decoding.
CREATE TABLE events (
  event_type INT,
  person ROW<id BIGINT, name STRING, email STRING, `dateTime` TIMESTAMP(3), extra STRING>,
  auction ROW<id BIGINT, itemName STRING, description STRING, `dateTime` TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, extra STRING>,
  bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` TIMESTAMP(3), extra STRING>
) WITH ('connector' = 'nats', 'format' = 'json');

CREATE TABLE copies (event_type INT, auction BIGINT, bidder BIGINT, price BIGINT, person TIMESTAMP(3), opened TIMESTAMP(3), at TIMESTAMP(3))
WITH ('connector' = 'nats', 'format' = 'json');

INSERT INTO copies
SELECT event_type, bid.auction, bid.bidder, bid.price, person.`dateTime`, auction.`dateTime`, bid.`dateTime` FROM events
WHERE bid.price < 0;
