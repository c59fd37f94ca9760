-- The complete trials of a campaign that have a final fit, best first by signed score.
SELECT *
FROM trials
WHERE state = 'COMPLETE' AND phase = 2 AND campaign = $campaign
ORDER BY score DESC, study_name, number;
