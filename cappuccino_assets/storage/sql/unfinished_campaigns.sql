-- The campaigns whose studies may be ahead of the ledger.
SELECT campaign FROM campaigns WHERE completed_at IS NULL;
