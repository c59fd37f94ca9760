-- The complete trials of a campaign that lack the result of a split.
SELECT study_name, number, count(split) AS n_splits
FROM trials LEFT JOIN trial_splits USING (study_name, number)
WHERE state = 'COMPLETE' AND campaign = $campaign AND phase = $phase
GROUP BY study_name, number
HAVING count(split) <> $n_splits
ORDER BY study_name, number;
