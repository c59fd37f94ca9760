"""Proofs by recomputation: that nothing in the pipeline knows what has not happened yet."""
