-- The archive entries of a campaign, best first by signed score, with the names of failed points.
SELECT
    vin, study_name, number, score, sharpe_bot, sharpe_hodl, grade, below_threshold, admitted_as,
    gated, gate_reason,
    coalesce(list(name ORDER BY place) FILTER (NOT passed), []) AS failed_points,
    count(name) AS n_points
FROM archive_entries LEFT JOIN gate_reasons USING (vin)
WHERE campaign = $campaign
GROUP BY ALL
ORDER BY score DESC, vin;
