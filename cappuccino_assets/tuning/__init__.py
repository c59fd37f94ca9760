"""Search spaces, studies and the two phases."""
