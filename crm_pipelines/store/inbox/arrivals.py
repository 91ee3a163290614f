"""Deliveries that just came, on their way into ``sync.inbox``; and who may bring them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from crm_pipelines.store.database import Connection
from crm_pipelines.store.queries import query

LOST_SECONDS = 150.0
"""Whoever is away for longer may miss the last attempt: it comes 183 s after the first (guide for
webhooks v2)."""


@dataclass(frozen=True)
class Arrival:
    """A delivery as it came; ``received_at`` is aware. The registration is that of its caller."""

    workspace: str
    crm: str
    delivery_id: str
    body: bytes
    registration_id: int | None
    received_at: datetime


@dataclass(frozen=True)
class Credential:
    """What the deliveries of one registration carry; ``digest`` is the password's SHA-256.

    ``accepted_until`` is set when it is retired, and aware.
    """

    id: int
    workspace: str
    username: str
    digest: bytes
    accepted_until: datetime | None = None


def insert(connection: Connection, arrivals: Sequence[Arrival]) -> int:
    """All of them with one statement; how many were new. What is known already is no error."""
    values = {
        "workspaces": [one.workspace for one in arrivals],
        "crms": [one.crm for one in arrivals],
        "ids": [one.delivery_id for one in arrivals],
        "bodies": [one.body for one in arrivals],
        "registrations": [one.registration_id for one in arrivals],
        "received": [one.received_at for one in arrivals],
    }
    return connection.execute(query("inbox_arrivals.insert"), values).rowcount


def credentials(connection: Connection, crm: str) -> list[Credential]:
    """Those that are good now, of every workspace."""
    rows = connection.execute(query("inbox_arrivals.credentials"), {"crm": crm}).fetchall()
    return [
        Credential(
            row["id"],
            row["workspace_id"],
            row["username"],
            bytes(row["password_digest"]),
            row["accepted_until"],
        )
        for row in rows
    ]


def come_back(connection: Connection, crm: str, age: float | None) -> datetime | None:
    """A gateway has started; since when deliveries may be lost, if they may.

    ``age`` is how many seconds ago it knows itself to have been there, ``None`` for never.
    """
    values = {"crm": crm, "age": age, "patience": LOST_SECONDS}
    rows = connection.execute(query("inbox_arrivals.come_back"), values).fetchall()
    return min((row["gap_since"] for row in rows), default=None)


def be_here(connection: Connection, crm: str) -> None:
    """Deliveries can be brought now."""
    connection.execute(query("inbox_arrivals.be_here"), {"crm": crm})
