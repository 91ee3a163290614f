"""How the inbox stands: whether deliveries are applied, and what somebody should see to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from crm_pipelines.store.inbox.spool import Load
from crm_pipelines.store.vital_signs import VitalSigns

LATE_SECONDS = 300.0
"""A delivery whose turn has been there for so long tells that nobody applies any."""


@dataclass(frozen=True)
class InboxHealth:
    """Deliveries of one account that wait or were given up; ``overdue_seconds`` is how long one
    has had its turn, which those that were put off have not."""

    workspace: str
    crm: str
    waiting: int
    dead: int
    oldest_waiting_seconds: float
    overdue_seconds: float


def inbox_health(signs: VitalSigns) -> list[InboxHealth]:
    """Accounts where something waits or was given up."""
    return [InboxHealth(**row) for row in signs.inbox()]


def inbox_problems(inboxes: Sequence[InboxHealth]) -> Iterator[str]:
    """What somebody should see to."""
    for one in inboxes:
        account = f"{one.workspace} {one.crm}"
        if one.overdue_seconds > LATE_SECONDS:
            yield (
                f"{account}: {one.waiting:,} webhook deliveries wait, the oldest for "
                f"{one.oldest_waiting_seconds / 60:,.0f} min: does the Dagster daemon run, and is "
                "its sensor webhook_deliveries on?"
            )
        if one.dead:
            yield (
                f"{account}: {one.dead:,} webhook deliveries were given up: crm-pipelines inbox "
                "list --status dead says why, inbox replay --dead tries them again"
            )


def spool_problems(spool: Load, folder: Path) -> Iterator[str]:
    """Files that nobody empties, though the database is there: their gateway is not."""
    if spool.idle_seconds > LATE_SECONDS:
        yield (
            f"{spool.bytes:,} bytes of webhook deliveries wait in {folder}, since "
            f"{spool.idle_seconds / 60:,.0f} min: a gateway on this CRM_HOME brings them in"
        )
