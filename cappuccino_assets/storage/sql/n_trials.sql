-- How many trials of a campaign were ever finished: complete, pruned and failed.
SELECT count(*) FROM trial_ledger WHERE kind = 'trial' AND campaign = $campaign;
