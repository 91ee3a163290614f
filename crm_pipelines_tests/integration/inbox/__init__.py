"""Webhooks of the sandbox on their way into the mirror."""
