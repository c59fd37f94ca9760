-- Campaigns whose studies all have their target, the last finished first.
SELECT campaign, definition
FROM campaigns
WHERE completed_at IS NOT NULL
ORDER BY completed_at DESC, campaign DESC;
