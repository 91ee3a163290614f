"""Webhooks of an account: made, rotated, looked after."""
