"""How fast the mirror is and what it needs, beside what PostgreSQL alone can do: ``make bench``."""
