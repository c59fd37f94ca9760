-- The trials of a campaign that traded nothing in some split.
SELECT study_name, number
FROM trials
WHERE no_trades AND campaign = $campaign;
