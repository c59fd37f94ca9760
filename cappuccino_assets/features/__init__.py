"""Causal, scale-free features and the contract that names them."""
