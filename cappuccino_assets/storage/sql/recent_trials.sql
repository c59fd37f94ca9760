-- The trials of all studies that ended last.
SELECT study_name, number, state, score, completed_at
FROM trials
ORDER BY completed_at DESC, study_name, number
LIMIT $n;
