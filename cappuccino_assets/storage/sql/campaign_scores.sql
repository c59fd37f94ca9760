-- State and score of every trial of a campaign.
SELECT study_name, number, state, score
FROM trials
WHERE campaign = $campaign;
