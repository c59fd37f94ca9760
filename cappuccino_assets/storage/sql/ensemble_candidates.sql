-- The best trials of a campaign that can be members, by signed score.
SELECT *
FROM trials
WHERE state = 'COMPLETE' AND phase = 2 AND campaign = $campaign AND NOT no_trades
ORDER BY score DESC, study_name, number
LIMIT $n;
