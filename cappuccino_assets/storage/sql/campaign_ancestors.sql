-- The campaigns that a campaign was narrowed from, the nearest first; each once, even on a cycle.
WITH RECURSIVE lineage AS (
    SELECT CAST($campaign AS VARCHAR) AS campaign, [CAST($campaign AS VARCHAR)] AS path
    UNION ALL
    SELECT parent, list_append(path, parent)
    FROM (
        SELECT campaigns.definition ->> '$.route.narrowed_from' AS parent, path
        FROM campaigns JOIN lineage USING (campaign)
    )
    WHERE parent IS NOT NULL AND NOT list_contains(path, parent)
)
SELECT campaign FROM lineage WHERE len(path) > 1 ORDER BY len(path);
