SELECT auction, bidder, 0.908::DECIMAL(3, 3) * price::DECIMAL(19, 0), "dateTime", extra FROM bid
