"""Applying ``sql/migrations``; many processes may start at once."""

from __future__ import annotations

import logging
import warnings

import psycopg

from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.store.database import Connection, Database, grounded
from crm_pipelines.store.queries import FOLDER, query

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
        if not pending(connection):
            return []  # as nearly always: the library that applies them is not even loaded
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        return _apply(database.url)


def pending(connection: Connection) -> list[str]:
    """Names of migrations that are not applied, oldest first."""
    try:
        applied = {row["name"] for row in connection.execute(query("health.applied"))}
    except psycopg.errors.UndefinedTable:
        applied = set()
    known = sorted(path.stem for path in (FOLDER / "migrations").glob("*.sql"))
    return [name for name in known if name not in applied]


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
