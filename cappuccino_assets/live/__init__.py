"""The ensemble that follows the best trials."""
