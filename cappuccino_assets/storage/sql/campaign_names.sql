-- Every campaign, the latest first.
SELECT campaign FROM campaigns ORDER BY started_at DESC, campaign;
