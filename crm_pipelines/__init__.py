"""CRMs and PostgreSQL kept in step; see README.md for the tour."""
