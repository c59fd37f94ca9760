-- The campaigns that a campaign was narrowed from, the nearest first.
WITH RECURSIVE lineage AS (
    SELECT CAST($campaign AS VARCHAR) AS campaign, 0 AS generation
    UNION
    SELECT campaigns.definition ->> '$.route.narrowed_from', generation + 1
    FROM campaigns JOIN lineage USING (campaign)
    WHERE campaigns.definition ->> '$.route.narrowed_from' IS NOT NULL
)
SELECT campaign FROM lineage WHERE generation > 0 ORDER BY generation;
