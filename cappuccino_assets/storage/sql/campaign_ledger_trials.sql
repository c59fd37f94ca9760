-- Every trial of a campaign that ever ended, with its parameters, in the ledger's order.
SELECT study_name, number, state, score, outcome
FROM trial_ledger
WHERE kind = 'trial' AND campaign = $campaign
ORDER BY line;
