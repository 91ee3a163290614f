"""What PostgreSQL announces: notices for those who watch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from crm_pipelines.store.database import Database, grounded
from crm_pipelines.store.queries import query

CHANNEL = "crm_events"
LONGEST = 7_500
"""Bytes; PostgreSQL carries a little less than 8,000 with one notification."""


def announce(database: Database, event: dict[str, Any]) -> None:
    """Tell everybody who listens; nobody may."""
    text = json.dumps(event, ensure_ascii=True)
    if len(text) > LONGEST:
        text = json.dumps({**event, "words": str(event.get("words", ""))[:1_000], "cut": True})
    database.run("events.announce", {"channel": CHANNEL, "text": text[:LONGEST]})


def listen(database: Database, silence_seconds: float) -> Iterator[dict[str, Any] | None]:
    """Announcements as they come; ``None`` as soon as we listen, and after so long without one.

    Has a connection of its own.
    Raises ``SystemTrouble`` when the database goes away.
    """
    with grounded(), closing(database.connect()) as connection:
        connection.execute(query("events.listen"))
        yield None
        while True:
            quiet = True
            for notification in connection.notifies(timeout=silence_seconds, stop_after=1):
                quiet = False
                yield _event(notification.payload)
            if quiet:
                yield None


def _event(payload: str) -> dict[str, Any]:
    try:
        found = json.loads(payload)
    except ValueError:
        return {"words": payload}
    return found if isinstance(found, dict) else {"words": payload}
