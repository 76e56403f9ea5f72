-- Of bids of equal time the one that arrived last wins.
SELECT auction, bidder, price, channel, url, "dateTime", extra
FROM bid
QUALIFY row_number() OVER (PARTITION BY bidder, auction ORDER BY "dateTime" DESC, n DESC) = 1
