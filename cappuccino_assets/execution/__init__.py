"""The rules of money, shared by training, evaluation and trading."""
