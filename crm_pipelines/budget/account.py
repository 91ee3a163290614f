"""An account's day as people look at it: spent, left, by whom, and how it will end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from crm_pipelines.budget.ledger import Clock, database_clock
from crm_pipelines.model.connector import Account
from crm_pipelines.model.priority import Priority, kept_from
from crm_pipelines.store import pauses
from crm_pipelines.store.database import Database

DAY_SECONDS = 86_400.0
SHORTEST_PAST = 3_600.0
"""Seconds; what less than this shows is no pace that a day could be foretold from."""


@dataclass(frozen=True)
class Usage:
    """What one stream has spent with one priority today."""

    stream: str
    priority: str
    tokens: int
    calls: int


@dataclass(frozen=True)
class AccountBudget:
    """One account's day. Figures are in the CRM's own unit: tokens or calls.

    ``limit`` is all there is, ``ours`` the share of it we use at most, ``others`` what was spent
    by somebody else as far as headers tell. ``left_for`` is what each priority may still spend.
    ``forecast`` is what will be spent when the day ends, if the rest of it goes like the part
    so far. ``resets_at`` and all other times are aware.
    """

    workspace: str
    crm: str
    limit: int
    ours: int
    spent: int
    others: int
    left: int
    left_for: dict[str, int]
    forecast: int
    resets_at: datetime
    rolling: bool
    refused_until: datetime | None
    circuit: str | None
    paused: dict[str, datetime] = field(default_factory=dict)
    usage: tuple[Usage, ...] = ()

    @property
    def by_priority(self) -> dict[str, int]:
        """What each priority has spent."""
        found = {priority.label: 0 for priority in Priority}
        for one in self.usage:
            found[one.priority] = found.get(one.priority, 0) + one.tokens
        return found


def look(database: Database, account: Account, clock: Clock = database_clock) -> AccountBudget:
    """How an account stands; three short queries, nothing is sent."""
    limits = account.limits
    names = {"workspace": account.workspace, "crm": account.crm}
    asked = {**names, "zone": limits.zone, "rolling": limits.rolling, "now": clock()}
    day = database.run("budget.day", asked)[0]
    rows = database.run("budget.usage", {**names, "day": day["day"]})
    limit = int(day["observed_limit"] or limits.daily)
    ours = int(limit * limits.share)
    spent, used = int(day["spent"]), list(day["by_priority"] or [0] * len(Priority))
    left = 0 if day["refused_until"] else max(0, ours - spent)
    past = max(SHORTEST_PAST, float(day["gone"]))
    forecast = spent + sum(used) / past * max(0.0, DAY_SECONDS - float(day["gone"]))
    return AccountBudget(
        workspace=account.workspace,
        crm=account.crm,
        limit=limit,
        ours=ours,
        spent=spent,
        others=max(0, spent - sum(used)),
        left=left,
        left_for={p.label: _left_for(p, left, ours, used) for p in Priority},
        forecast=max(spent, min(ours, round(forecast))),
        resets_at=day["midnight"].astimezone(UTC),
        rolling=limits.rolling,
        refused_until=day["refused_until"] and day["refused_until"].astimezone(UTC),
        circuit=_circuit(database, names),
        paused=dict(pauses.waiting(database, account.workspace, account.crm)),
        usage=tuple(Usage(**row) for row in rows),
    )


def _left_for(priority: Priority, left: int, ours: int, used: Sequence[int]) -> int:
    kept = kept_from(priority)
    reserved = sum(
        max(0, int(share * ours) - spent) for share, spent in zip(kept, used, strict=True)
    )
    return max(0, left - reserved)


def _circuit(database: Database, names: dict[str, Any]) -> str | None:
    rows = database.run("breaker.state", names)
    if not rows:
        return None
    row = rows[0]
    words = f"{row['failures']} failures in a row, last: {row['reason']}"
    if row["open_until"] is None:
        return words
    when = "not asked again before" if row["refusing"] else "tried again from"
    return f"{when} {row['open_until'].astimezone(UTC):%H:%M:%S} UTC: {words}"
