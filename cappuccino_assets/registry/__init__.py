"""Every model known, whole and graded."""
