-- The archive entries of a campaign, best first by signed score.
SELECT
    vin, study_name, number, score, sharpe_bot, sharpe_hodl, grade, below_threshold, admitted_as,
    gated, gate_reason
FROM archive_entries
WHERE campaign = $campaign
ORDER BY score DESC, vin;
