"""Policies of a population, and how each learns."""
