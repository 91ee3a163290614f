"""Webhooks that we had made: whose deliveries are taken, and how they are doing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql

from crm_pipelines.model.connector import Account
from crm_pipelines.model.hook import WantedHook
from crm_pipelines.model.stream import Stream
from crm_pipelines.store.database import Database, grounded
from crm_pipelines.store.queries import query

RETRY_SECONDS = 240.0
"""A delivery that nobody answers is tried again after 3, 30 and 150 s, and each of its four
attempts may take 10 s (guide for webhooks v2); the rest is for the way."""


@dataclass(frozen=True)
class Registration:
    """One webhook of ours. ``remote_id`` is missing until the CRM has answered."""

    id: int
    object: str
    action: str
    url: str
    remote_id: str | None
    username: str
    status: str
    remark: str | None
    registered_at: datetime
    checked_at: datetime | None
    accepted_until: datetime | None
    gap_since: datetime | None
    gap_until: datetime | None

    @property
    def lives(self) -> bool:
        """Whether it was not given up."""
        return self.status != "retired"


@contextmanager
def alone(database: Database, about: Mapping[str, str]) -> Iterator[None]:
    """Nobody else changes the account's webhooks while the block runs."""
    with grounded(), closing(database.connect()) as connection:
        connection.execute(query("webhooks.alone"), about)
        yield


def every(database: Database, about: Mapping[str, str]) -> list[Registration]:
    """All that there ever were, the oldest first."""
    return [Registration(**row) for row in database.run("webhooks.every", about)]


def workspaces(database: Database, crm: str) -> list[str]:
    """The tenants that have webhooks of ours at a CRM."""
    return [row["workspace"] for row in database.run("webhooks.workspaces", {"crm": crm})]


def add(
    database: Database,
    about: Mapping[str, str],
    wanted: WantedHook,
    gap_since: datetime | None = None,
) -> Registration:
    """Take deliveries with these credentials from now on; committed before anybody has them.

    ``gap_since`` is from when on its predecessor may have brought nothing.
    256 random bits need no slow hash: there is nothing to guess.
    """
    values = {
        **about,
        "object": wanted.object,
        "action": wanted.action,
        "url": wanted.url,
        "username": wanted.username,
        "gap_since": gap_since,
        "digest": hashlib.sha256(wanted.password.encode()).digest(),
    }
    return Registration(**database.run("webhooks.add", values)[0])


def note_made(database: Database, registration: int, remote_id: str) -> None:
    """The CRM has it."""
    database.run("webhooks.made", {"id": registration, "remote_id": remote_id})


def forget(database: Database, registration: int) -> None:
    """The CRM never made it."""
    database.run("webhooks.forget", {"id": registration})


def retire(database: Database, registrations: Sequence[int], remark: str) -> None:
    """Given up; deliveries that are under way are taken until the CRM's retries are over."""
    values = {"ids": list(registrations), "remark": remark, "seconds": RETRY_SECONDS}
    database.run("webhooks.retire", values)


def judge(database: Database, verdicts: Mapping[int, tuple[str, str | None]]) -> None:
    """Status and remark of each registration that was looked at."""
    values = {
        "ids": list(verdicts),
        "states": [status for status, _ in verdicts.values()],
        "remarks": [remark for _, remark in verdicts.values()],
    }
    database.run("webhooks.judge", values)


def heard(database: Database, about: Mapping[str, str]) -> dict[int, datetime]:
    """When the last delivery of each registration's kind came; those without one are left out."""
    rows = database.run("webhooks.heard", about)
    return {row["id"]: row["heard_at"] for row in rows if row["heard_at"] is not None}


def synced(database: Database, about: Mapping[str, str], since: datetime) -> dict[str, bool]:
    """Streams that a good sync has begun to read since then; whether one of them read all."""
    rows = database.run("webhooks.synced", {**about, "since": since})
    return {row["stream"]: row["whole"] for row in rows}


def close_gap(database: Database, registration: int) -> None:
    """Nothing is missing any more of what its predecessor did not bring."""
    database.run("webhooks.close_gap", {"id": registration})


def unheard(
    database: Database, account: Account, stream: Stream, since: datetime
) -> tuple[int, datetime | None]:
    """Rows that syncs found changed since then and no delivery told of, and the first change."""
    table = f'"{account.crm}"."{stream.table_name}"'
    if stream.stamp is None or not database.run("census.exists", {"table": table})[0]["made"]:
        return 0, None
    statement = sql.SQL(query("webhooks.unheard")).format(
        table=sql.Identifier(account.crm, stream.table_name),
        stamp=sql.Identifier(stream.stamp),
        scope=sql.SQL(stream.scope),
    )
    values: dict[str, Any] = {"since": since, "patience": RETRY_SECONDS}
    with database.connection() as connection:
        row = connection.execute(statement, {**values, "workspace": account.workspace}).fetchone()
    assert row is not None
    return int(row["records"]), row["first_at"]
