"""Files and the one DuckDB database: who may write what."""
