"""A census of one stream: what is missing in the mirror, stale, or a ghost of what is gone."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from crm_pipelines.budget.ledger import Ledgers
from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.model.priority import Priority
from crm_pipelines.model.source import Source
from crm_pipelines.model.stream import Stream
from crm_pipelines.model.window import OVERLAP
from crm_pipelines.store import history
from crm_pipelines.store.census import Ours
from crm_pipelines.store.database import Database
from crm_pipelines.store.inspect import count_alive

SAMPLE = 100
"""Ghosts of a list without counts that are looked up once more: as many as fit one call."""

LONGEST_LOOKUP = 1_000
"""Ghosts that are looked up once more by their ids; more than that are believed."""


@dataclass(frozen=True)
class Found:
    """Ids by verdict, as texts. ``pending`` are those that the next delta will bring.

    ``here`` and ``there`` count live records. ``doubt`` says why the CRM's list is not to be
    trusted. ``days`` are how many sync windows had to be listed, ``None`` for all.
    """

    here: int
    there: int | None
    missing: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    ghosts: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    by_day: dict[str, int] = field(default_factory=dict)
    days: int | None = None
    doubt: str = ""
    calls: int = 0
    tokens: int = 0


def take_census(account: Account, stream: Stream, *, database: Database, budget: Ledgers) -> Found:
    """Compare a windowed stream with its mirror. Raises ``CrmError`` and, for a stream that was
    never synced as a whole, ``ConfigurationError``."""
    ours = Ours(database, account, stream)
    mark = history.watermark(database, account.workspace, account.crm, stream.name)
    if mark is None:
        raise ConfigurationError(
            f"{account.crm}.{stream.name} was never synced as a whole: sync it first"
        )
    purse = budget.purse(
        account.workspace, account.crm, stream.name, account.limits, Priority.BACKFILL
    )
    with closing(account.open(purse)) as source:
        listing = source.list_ids(stream, ours.by_day())
        rows = ours.compare(listing, mark - OVERLAP)
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(row["verdict"], []).append(row["id"])
        ghosts, doubt = found.get("ghost", []), listing.doubt
        if listing.days is None:
            left_out = sorted(source.find(stream, ghosts[:SAMPLE])) if ghosts else []
            ghosts = [one for one in ghosts if one not in left_out]
            if left_out:
                doubt = f"the list leaves out records that are there, like {left_out[0]}"
        else:
            ghosts, moved = _look_up(source, stream, ghosts, mark - OVERLAP)
            found["stale"] = sorted({*found.get("stale", []), *moved})
    wrong = {*found.get("missing", []), *found.get("stale", []), *ghosts}
    by_day: dict[str, int] = {}
    for row in rows:
        stamp = row["theirs"] or row["ours"]
        if row["id"] in wrong and stamp is not None:
            by_day[f"{stamp:%Y-%m-%d}"] = by_day.get(f"{stamp:%Y-%m-%d}", 0) + 1
    return Found(
        here=count_alive(database, account, stream),
        there=listing.total,
        missing=found.get("missing", []),
        stale=found.get("stale", []),
        ghosts=ghosts,
        pending=found.get("pending", []),
        rejected=found.get("rejected", []),
        by_day=dict(sorted(by_day.items())),
        days=None if listing.days is None else len(listing.days),
        doubt=doubt,
        calls=purse.calls,
        tokens=purse.tokens,
    )


def _look_up(
    source: Source, stream: Stream, ghosts: list[str], since: datetime
) -> tuple[list[str], set[str]]:
    """Of apparent ghosts the real ones; and those that live on under a newer time we lack.

    A record that was changed moves to another day, so that it is no longer where it was.
    """
    alive = source.find(stream, ghosts[:LONGEST_LOOKUP]) if ghosts else {}
    stale = {one for one, stamp in alive.items() if stamp is None or stamp < since}
    return [one for one in ghosts if one not in alive], stale
