-- The trial ledger as it was last copied.
SELECT line, hash, content
FROM ledger_lines
ORDER BY line;
