"""Applying ``sql/migrations``; many processes may start at once."""

from __future__ import annotations

import logging
import warnings

from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.store.database import Database, grounded
from crm_pipelines.store.queries import FOLDER

OLDEST = 150000
_LOCK = 7_421_001
"""Advisory lock that makes concurrent starts wait for each other."""


def migrate(database: Database) -> list[str]:
    """Bring the database up to date; returns the names of what was applied, oldest first."""
    connection = database.connect()
    with grounded(), connection:
        if connection.info.server_version < OLDEST:
            raise ConfigurationError(
                f"CRM_DATABASE_URL: PostgreSQL {connection.info.server_version // 10000} is too "
                "old; 15 or newer is needed"
            )
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        return _apply(database.url)


def _apply(url: str) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import yoyo
    logging.getLogger("yoyo").setLevel(logging.WARNING)
    backend = yoyo.get_backend(_driver(url))
    try:
        backend.break_lock()  # a killed process may have left it; ours is the advisory lock
        wanted = backend.to_apply(yoyo.read_migrations(str(FOLDER / "migrations")))
        with backend.lock():
            backend.apply_migrations(wanted)
        return [migration.id for migration in wanted]
    finally:
        backend.connection.close()


def _driver(url: str) -> str:
    return "postgresql+psycopg://" + url.partition("://")[2]
