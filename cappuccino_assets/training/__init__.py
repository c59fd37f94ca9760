"""Training of a whole population of members together."""
