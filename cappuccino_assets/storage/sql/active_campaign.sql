SELECT campaign, profile, seed, source, started_at, completed_at, definition
FROM campaigns
WHERE active;
