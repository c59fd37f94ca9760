"""Nouns: what the project makes, one asset each."""
