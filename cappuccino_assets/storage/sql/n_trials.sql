-- How many trials of some campaigns were ever finished: complete, pruned and failed.
SELECT count(*) FROM trial_ledger WHERE kind = 'trial' AND list_contains($campaigns, campaign);
