"""Who is there: ids and stamps, for comparing a CRM with its mirror."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class Listing:
    """Ids of live records with the values of their cursor field, as texts and aware times.

    ``days`` are the days (UTC, by cursor field) that were listed; ``None``: all of them.
    ``total`` is how many live records the CRM has, where it counted them. ``doubt`` says in words
    why the list is not to be trusted.
    """

    records: dict[str, datetime | None]
    days: Collection[date] | None = None
    total: int | None = None
    doubt: str = ""
