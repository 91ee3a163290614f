"""Stages drive actions: the history of each deal, and what its changes of stage set off."""
