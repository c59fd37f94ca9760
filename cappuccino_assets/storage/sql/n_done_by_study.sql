-- How many trials of each study of a campaign count towards its target.
SELECT study_name, count(*) AS n_done
FROM trial_ledger
WHERE kind = 'trial' AND campaign = $campaign AND state IN ('COMPLETE', 'PRUNED')
GROUP BY study_name;
