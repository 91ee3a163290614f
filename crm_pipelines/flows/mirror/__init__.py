"""CRM to PostgreSQL."""
