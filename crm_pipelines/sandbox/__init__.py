"""Simulated CRMs over real HTTP: for trying out, for rehearsing, and for tests.

A program of its own: nothing in the product imports it but the command line, and it imports
nothing of the product. What belongs here is how the real systems behave on the wire, good and
bad; what does not is any knowledge of how we read them.
"""
