"""What every part of the simulated Salesforce shares: the world, the objects, the limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from crm_pipelines.sandbox.database import Database
from crm_pipelines.sandbox.salesforce.catalog import Catalog
from crm_pipelines.sandbox.salesforce.soql.spans import stamp
from crm_pipelines.sandbox.world import World

ORGANISATION_ID = "00D5Y000000SandEAG"

LIMITS = {
    "daily_calls": 100_000,
    "session_seconds": 7_200,
    "rest_page_rows": 2_000,
    "query_timeout_rows": 0,
    "query_locator_seconds": 172_800,
    "bulk_polls_until_complete": 1,
    "bulk_seconds_until_complete": 0,
    "bulk_page_rows": 25_000,
    "bulk_jobs_to_fail": 0,
    "bulk_query_jobs_daily": 10_000,
    "bulk_retention_days": 7,
    "bulk_batch_rows": 10_000,
    "bulk_upload_bytes": 150_000_000,
    "ingest_jobs_to_fail": 0,
    "ingest_parent_locks": 0,
    "z_datetimes": 1,
}
"""Every limit that can be changed while running, with its default.

``query_timeout_rows``: a REST query that finds more rows takes too long; 0 is any number.
``bulk_page_rows``: most rows one page of bulk results holds, however many are asked for.
``bulk_jobs_to_fail``: so many of the next query jobs end as Failed.
``bulk_batch_rows``: rows of an ingest job that are one batch.
``bulk_upload_bytes``: how large the file of an ingest job may be once it is encoded in base64.
``ingest_jobs_to_fail``: so many of the next ingest jobs end as Failed after their first 200 rows.
``ingest_parent_locks``: 1 fails rows whose parent another batch of the job is writing to.
``z_datetimes``: 1 spells date-times in bulk results with ``Z``, 0 with ``+0000``.
"""


@dataclass
class Company:
    """One simulated company (an "org")."""

    world: World
    catalog: Catalog
    limits: dict[str, int]

    @property
    def database(self) -> Database:
        """Where everything is stored."""
        return self.world.database

    @property
    def files(self) -> Path:
        """Where bulk data lies."""
        folder = self.world.home / "salesforce"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def now(self) -> datetime:
        """The sandbox's time."""
        return self.world.clock.now()

    def stamp(self) -> str:
        """The sandbox's time as stored."""
        return stamp(self.now())

    def next_number(self, key: str, start: int = 1) -> int:
        """A counter that survives restarts."""
        with self.database.transaction() as connection:
            row = connection.execute(
                "INSERT INTO salesforce_meta VALUES (?, ?) ON CONFLICT (key) "
                "DO UPDATE SET value = CAST(value AS INTEGER) + 1 RETURNING value",
                (key, str(start)),
            ).fetchone()
        return int(row[0])
