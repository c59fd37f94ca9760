-- How the numbers that the complete trials of a study were given are spread, by parameter.
SELECT
    parameter,
    count(*) AS n_trials,
    quantile_cont(value_number, [0.1, 0.25, 0.5, 0.75, 0.9]) AS quantiles
FROM trial_params
WHERE study_name = $study_name
    AND value_number IS NOT NULL
    AND number IN (
        SELECT number FROM trials WHERE study_name = $study_name AND state = 'COMPLETE'
    )
GROUP BY parameter
ORDER BY parameter;
