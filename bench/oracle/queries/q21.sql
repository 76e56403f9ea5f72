-- REGEXP_EXTRACT without a match is NULL, here an empty string.
WITH found AS (
  SELECT *, CASE WHEN regexp_matches(url, '(&|^)channel_id=([^&]*)') THEN regexp_extract(url, '(&|^)channel_id=([^&]*)', 2) END AS id FROM bid)
SELECT auction, bidder, price, channel,
  CASE lower(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1' WHEN 'facebook' THEN '2' WHEN 'baidu' THEN '3' ELSE id END
FROM found
WHERE id IS NOT NULL OR lower(channel) IN ('apple', 'google', 'facebook', 'baidu')
