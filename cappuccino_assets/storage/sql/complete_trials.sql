-- The complete trials of one phase of a campaign, best first by signed score.
SELECT study_name, number
FROM trials
WHERE state = 'COMPLETE' AND campaign = $campaign AND phase = $phase
ORDER BY score DESC, study_name, number;
