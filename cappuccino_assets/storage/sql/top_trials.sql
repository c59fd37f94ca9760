-- The best complete trials, by signed score; equal scores in the order of their identity.
SELECT *
FROM trials
WHERE state = 'COMPLETE' AND list_contains($study_names, study_name)
ORDER BY score DESC, study_name, number
LIMIT $n;
