-- The archive, best first by signed score.
SELECT *
FROM archive_entries
ORDER BY score DESC, vin;
