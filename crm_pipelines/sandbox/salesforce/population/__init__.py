"""The records a fresh company starts with: made by seed, a column at a time."""
