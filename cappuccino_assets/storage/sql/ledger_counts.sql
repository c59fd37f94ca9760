-- What the ledger holds, by campaign, study, kind and state.
SELECT campaign, study_name, kind, state, count(*) AS n_rows, max(recorded_at) AS last_recorded_at
FROM trial_ledger
GROUP BY ALL
ORDER BY min(line);
