"""The one door out: pay, send, learn from the answer, classify it, retry what is worth it."""
