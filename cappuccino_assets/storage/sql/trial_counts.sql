-- Finished trials per study and state.
SELECT campaign, study_name, state, count(*) AS n_trials, max(score) AS best_score
FROM trials
GROUP BY ALL
ORDER BY campaign, study_name, state;
