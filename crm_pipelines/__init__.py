"""CRMs and PostgreSQL kept in step; see README.md for the tour."""

__version__ = "0.1.0"
