"""Facts that must hold of what was made; the blocking ones stop what comes after."""
