"""Verbs: steps of an asset, and actions that leave none."""
