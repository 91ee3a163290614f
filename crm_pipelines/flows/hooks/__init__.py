"""Webhooks: having them made at a CRM, and seeing to it that they go on bringing something."""
