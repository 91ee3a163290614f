"""Deliveries that are still to be made when a sandbox ends: the next start goes on with them.

Nothing that Pipedrive says of webhooks allows events to be lost outside a ban, so ours are not
lost by a restart either. What was under way is sent again, with the same event id. A sandbox that
is killed loses what waited.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from crm_pipelines.sandbox.database import Database
from crm_pipelines.sandbox.pipedrive.changes import Change
from crm_pipelines.sandbox.pipedrive.schema import Record


@dataclass(order=True)
class Due:
    """One attempt that is planned; ``at`` is real (monotonic) time."""

    at: float
    number: int
    webhook_id: int = field(compare=False)
    change: Change = field(compare=False)
    event: str = field(compare=False)
    attempt: int = field(compare=False, default=1)


class Kept(msgspec.Struct):
    """What is kept of it all. ``standings`` see ``standings.Standings.kept``."""

    due: list[Due] = []
    standings: list[dict[str, Any]] = []


class Shelf:
    """One row in the sandbox's own file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.transaction() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS pipedrive_outstanding (body)")

    def put(self, due: Sequence[Due], standings: Sequence[Record], now: float) -> None:
        """Keep these; times become seconds from ``now`` on."""
        rest = [
            Due(
                max(0.0, one.at - now),
                one.number,
                one.webhook_id,
                one.change,
                one.event,
                one.attempt,
            )
            for one in due
        ]
        body = msgspec.json.encode(Kept(rest, list(standings)))
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM pipedrive_outstanding")
            connection.execute("INSERT INTO pipedrive_outstanding VALUES (?)", (body,))

    def take(self, now: float) -> Kept:
        """What was kept, once."""
        rows = self._database.rows("SELECT body FROM pipedrive_outstanding")
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM pipedrive_outstanding")
        if not rows:
            return Kept()
        kept = msgspec.json.decode(rows[0][0], type=Kept)
        for one in kept.due:
            one.at += now
        return kept
