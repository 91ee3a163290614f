"""The push, from rows of the local side to records in the simulated Pipedrive."""
