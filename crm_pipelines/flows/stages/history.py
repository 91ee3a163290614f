"""Through which stages deals went: told by webhooks, by the mirror and by change logs.

Each source tells what it knows, in any order and as often as it likes; a change of stage is one
row. Whether a change sets something off is decided when it is first heard of, with the history.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from crm_pipelines.model.event import AHEAD, Action, Event
from crm_pipelines.store.database import Connection, Database, untangled
from crm_pipelines.store.stages import moves

Teller = Literal["webhook", "mirror", "change_log"]
AT_ONCE = 5_000
"""Deals that the mirror is looked through for in one transaction."""

LAST = timedelta(microseconds=999_000)


@dataclass(frozen=True)
class Transition:
    """A deal came into a stage. Times are aware.

    ``changed_at`` counts to the second, ``moved_at`` (where it is known) orders what happened
    within one. ``previous_stage_id`` is ``None`` for the stage that a deal was made in.
    ``silent`` is what we wrote ourselves: history, but nothing is set off. ``added_at`` is when
    the deal was made.
    """

    deal_id: int
    stage_id: int
    previous_stage_id: int | None
    changed_at: datetime
    source: Teller
    user_id: int | None = None
    value: Any = None
    currency: str | None = None
    pipeline_id: int | None = None
    probability: Any = None
    silent: bool = False
    moved_at: datetime | None = None
    added_at: datetime | None = None


def note(
    connection: Connection, workspace: str, crm: str, transitions: Sequence[Transition]
) -> list[int]:
    """Add them to the history; the ids of rows that are new.

    In the same transaction it is decided, once, what each of them sets off (``run.run_waiting``
    does it). Takes hold of the deals in the order of their ids.
    """
    return moves.note(connection, workspace, crm, [_told(one) for one in transitions])


def complete(database: Database, workspace: str, crm: str) -> int:
    """Add what the mirror shows and nobody told: lost events, deals that never moved.

    How many rows are new. Cheap where nothing is missing.
    """
    found = 0
    while True:
        more = untangled(lambda: moves.complete(database, workspace, crm, AT_ONCE))
        if more is None:
            return found
        found += more


def of(events: Iterable[Event], silent: Collection[int] = ()) -> list[Transition]:
    """What events tell of stages, stale ones included; ``silent`` names deliveries of echoes.

    A change that would come after it was told of came when it was told of: history keeps for ever.
    """
    found = []
    for event in events:
        record = event.record
        if event.object != "deal" or record is None or event.action is Action.DELETE:
            continue
        made = event.action is Action.CREATE
        stage = _number(record.get("stage_id"))
        if stage is None or not (made or "stage_id" in event.previous):
            continue
        added_at = _moment(record.get("add_time"))
        changed_at = added_at if made else _moment(record.get("stage_change_time"))
        if changed_at is None or changed_at > event.at + AHEAD:
            changed_at = event.at
        changed_at = changed_at.replace(microsecond=0)
        found.append(
            Transition(
                deal_id=int(event.remote_id),
                stage_id=stage,
                previous_stage_id=None if made else _number(event.previous["stage_id"]),
                changed_at=changed_at,
                moved_at=min(max(event.at, changed_at), changed_at + LAST),
                added_at=added_at,
                source="webhook",
                user_id=event.user_id,
                value=record.get("value"),
                currency=record.get("currency"),
                pipeline_id=_number(record.get("pipeline_id")),
                probability=record.get("probability"),
                silent=event.delivery in silent,
            )
        )
    return found


def _told(one: Transition) -> dict[str, Any]:
    changed_at = one.changed_at.astimezone(UTC).replace(microsecond=0)
    return {
        "deal_id": one.deal_id,
        "stage_id": one.stage_id,
        "previous_stage_id": one.previous_stage_id,
        "previous_told": True,
        "changed_at": changed_at.isoformat(),
        "moved_at": (one.moved_at or changed_at).astimezone(UTC).isoformat(),
        "added_at": None if one.added_at is None else one.added_at.astimezone(UTC).isoformat(),
        "user_id": one.user_id,
        "value": None if one.value is None else str(one.value),
        "currency": one.currency,
        "pipeline_id": one.pipeline_id,
        "probability": _percent(one.probability),
        "source": one.source,
        "silent": one.silent,
    }


def _percent(value: Any) -> str | None:
    try:
        return str(value) if value is not None and 0 <= float(value) <= 100 else None
    except (TypeError, ValueError):
        return None


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
