-- The best complete trials of a study, by signed score.
SELECT number, score, sharpe_bot, sharpe_hodl, no_trades, completed_at
FROM trials
WHERE study_name = $study_name AND state = 'COMPLETE'
ORDER BY score DESC, number
LIMIT $n;
