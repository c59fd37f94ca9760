-- How many trials of a campaign count towards its target.
SELECT count(*) FROM trials WHERE campaign = $campaign AND state IN ('COMPLETE', 'PRUNED');
