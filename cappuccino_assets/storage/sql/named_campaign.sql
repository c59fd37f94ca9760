SELECT campaign, started_at, completed_at, active, definition
FROM campaigns
WHERE campaign = $name;
