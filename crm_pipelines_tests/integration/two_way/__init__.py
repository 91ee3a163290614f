"""Both sides are edited, and both are equal in the end."""
