"""What deliveries have come to, written for a whole batch at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm_pipelines.model.event import Event, State
from crm_pipelines.store.database import Connection
from crm_pipelines.store.queries import query

TRIES = 5
"""Attempts after which a delivery that cannot be applied is dead."""

FIRST_PAUSE, PAUSE_FACTOR = 2.0, 4
"""Seconds before the second attempt, and by what the pause grows: 2, 8, 32, 128."""

LONGEST = 2_000
"""Characters of a reason that are kept."""


@dataclass(frozen=True)
class Settled:
    """A delivery that does not wait any more. ``outbox_id`` is the command an echo told of.

    What is not known of its event is empty.
    """

    id: int
    state: State
    event: Event | None = None
    words: str = ""
    outbox_id: int | None = None
    object: str = ""
    action: str = ""
    version: str = ""


def hold(connection: Connection, ids: Collection[int]) -> set[int]:
    """Those that still wait; nobody else settles them while the transaction lasts."""
    rows = connection.execute(query("inbox.hold"), {"ids": list(ids)}).fetchall()
    return {row["id"] for row in rows}


def settle(connection: Connection, settled: Sequence[Settled], run: str = "") -> Counter[State]:
    """All of them in one statement; how many of each state there were.

    What somebody else has settled meanwhile stays as it is.
    """
    if not settled:
        return Counter()
    rows_in = [_row(one) for one in settled]
    values = {name: [row[name] for row in rows_in] for name in rows_in[0]}
    found = connection.execute(query("inbox.settle"), {**values, "run": run or None})
    return Counter(State(row["status"]) for row in found.fetchall())


def put_off(connection: Connection, ids: Collection[int], until: datetime, words: str) -> int:
    """They wait until then (aware), and no attempt is used up; how many that were."""
    values = {"ids": list(ids), "until": until, "error": _storable(words)}
    return connection.execute(query("inbox.put_off"), values).rowcount


def fail(connection: Connection, reasons: Mapping[int, str], run: str = "") -> Counter[State]:
    """They could not be applied, for these reasons by id: again in a while, dead in the end."""
    values = {
        "ids": list(reasons),
        "errors": [_storable(words) for words in reasons.values()],
        "tries": TRIES,
        "pause": FIRST_PAUSE,
        "factor": PAUSE_FACTOR,
        "run": run or None,
    }
    rows = connection.execute(query("inbox.fail"), values).fetchall()
    return Counter(State(row["status"]) for row in rows)


def kill(connection: Connection, reasons: Mapping[int, str]) -> int:
    """Given up at once, for these reasons by id; how many that were."""
    words = [_storable(one) for one in reasons.values()]
    return connection.execute(query("inbox.kill"), {"ids": list(reasons), "errors": words}).rowcount


def _row(one: Settled) -> dict[str, Any]:
    event = one.event
    return {
        "ids": one.id,
        "statuses": one.state.value,
        "errors": _storable(one.words),
        "versions": _storable(event.version if event else one.version),
        "objects": _storable(event.object if event else one.object),
        "actions": _storable(event.action.value if event else one.action),
        "remote_ids": event.remote_id if event else None,
        "event_ats": event.at if event else None,
        "user_ids": event.user_id if event else None,
        "sources": _storable(event.source) if event else None,
        "outbox_ids": one.outbox_id,
    }


def _storable(text: str) -> str | None:
    """Bodies are anybody's: PostgreSQL takes neither NULs nor halves of characters."""
    clean = text.replace("\x00", "").encode("utf-8", "replace").decode()
    return clean[:LONGEST] or None
