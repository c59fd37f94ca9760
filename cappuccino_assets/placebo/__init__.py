"""Whole searches where nothing can be found, to see how often the gate lets something through."""
