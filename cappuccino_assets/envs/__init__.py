"""The batched trading environment."""
