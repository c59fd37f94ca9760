"""The cappuccino command."""
