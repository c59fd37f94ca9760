-- The annualised Sharpe ratios of the complete trials of some campaigns, in the ledger's order.
SELECT study_name, number, sharpe_bot, sharpe_hodl, sharpe_excess
FROM trial_ledger
WHERE kind = 'trial' AND state = 'COMPLETE' AND list_contains($campaigns, campaign)
ORDER BY line;
