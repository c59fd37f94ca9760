-- How many trials of a campaign count towards its target.
SELECT count(*)
FROM trial_ledger
WHERE kind = 'trial' AND campaign = $campaign AND state IN ('COMPLETE', 'PRUNED');
