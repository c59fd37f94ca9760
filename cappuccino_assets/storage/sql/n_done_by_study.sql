-- How many trials of each study of a campaign count towards its target.
SELECT study_name, count(*) AS n_done
FROM trials
WHERE campaign = $campaign AND state IN ('COMPLETE', 'PRUNED')
GROUP BY study_name;
