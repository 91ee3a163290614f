"""Tables of stages: what they are mapped to, the history of deals, what is set off by it."""
