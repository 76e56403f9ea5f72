-- Of bids of equal price the one that arrived first ranks higher.
SELECT auction, bidder, price, channel, url, "dateTime", extra, row_number() OVER (PARTITION BY auction ORDER BY price DESC, n) AS rank
FROM bid
QUALIFY rank <= 10
