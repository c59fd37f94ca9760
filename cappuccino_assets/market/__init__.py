"""Bars: where they come from, what makes them valid, and how they are laid on one grid."""
