"""Where Dagster keeps runs, events and schedules: our PostgreSQL, over connections that stay open.

Dagster's own way is a new connection for every question, some forty for a run of one stream: a
process of the server each, and a login that is slow on purpose. That was a third of what a small
sync took.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresRunStorage
from dagster_postgres.utils import (
    create_pg_engine,
    get_token_provider_from_config,
    pg_url_from_config,
    retry_pg_connection_fn,
)

if TYPE_CHECKING:
    from dagster._core.storage.config import PostgresStorageConfig
    from dagster_postgres.auth import PgTokenProvider

TABLES = frozenset({"runs", "instance_info", "event_logs", "jobs"})
"""Where these are, Dagster has nothing to make: they are what it looks for, too."""

HELD = 1
"""Connections that a process holds; threads that ask at the same time open more, for the moment."""


class PooledStorage(DagsterPostgresStorage):
    """What ``dagster.yaml`` names. Its three parts share one pool.

    Dagster offers no setting for this, hence the private attribute and module.
    """

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
        token_provider: PgTokenProvider | None = None,
    ) -> None:
        engine = create_pg_engine(
            postgres_url,
            token_provider,
            isolation_level="AUTOCOMMIT",
            pool_size=HELD,
            max_overflow=-1,
            pool_pre_ping=True,  # the server may have been restarted
        )
        there = retry_pg_connection_fn(lambda: sa.inspect(engine).get_table_names())
        making = should_autocreate_tables and not TABLES.issubset(there)
        super().__init__(postgres_url, making, inst_data, token_provider)
        self._run_storage = _Runs(postgres_url, False, token_provider=token_provider)
        for part in (self._run_storage, self._event_log_storage, self._schedule_storage):
            part._engine = engine

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledStorage:
        """The storage that the configuration describes."""
        return cls(
            pg_url_from_config(cast("PostgresStorageConfig", config_value)),
            config_value.get("should_autocreate_tables", True),
            inst_data,
            get_token_provider_from_config(config_value),
        )


class _Runs(PostgresRunStorage):
    """Told when the instance is no longer used, on behalf of all three."""

    def dispose(self) -> None:
        """Close what waits in the pool; whoever asks after that opens a connection again."""
        self._engine.dispose()
