"""Webhooks come in here: the caller is checked, the delivery is stored, and that is all.

Whoever is slow, or answers with an error, is banned by the CRM, and what happens in a ban is lost.
"""
