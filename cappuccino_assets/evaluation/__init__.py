"""Splits, metrics and backtests that can be believed."""
