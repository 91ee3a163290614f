"""Sealed credentials and the keys that seal them."""
