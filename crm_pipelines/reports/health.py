"""Health of an installation: database, schema, last runs of streams, budgets, webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.reports.inbox import InboxHealth, inbox_health, inbox_problems, spool_problems
from crm_pipelines.store.database import Database
from crm_pipelines.store.inbox.spool import Load, load_of
from crm_pipelines.store.vital_signs import VitalSigns, vital_signs


class State(StrEnum):
    """``down``: nothing can work. ``degraded``: something went wrong, the rest works."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True)
class StreamHealth:
    """A stream's last run (``never`` before the first) and how old it is, in seconds."""

    workspace: str
    crm: str
    stream: str
    status: str
    ended_at: datetime | None
    age_seconds: float | None
    succeeded_at: datetime | None
    error: str | None


@dataclass(frozen=True)
class BudgetHealth:
    """Units (tokens, calls) of today that are ours to spend, and how many are left."""

    workspace: str
    crm: str
    allowed: int
    spent: int
    left: int
    exhausted_until: datetime | None


@dataclass(frozen=True)
class WebhookHealth:
    """A webhook of ours as it was found when it was last looked at.

    ``status`` is active, missing (the CRM has it no more) or failing; ``gap_since`` is set until
    syncs have made up for what was not delivered.
    """

    workspace: str
    crm: str
    object: str
    status: str
    remark: str | None
    registered_at: datetime
    checked_at: datetime | None
    last_delivery_at: datetime | None
    gap_since: datetime | None


@dataclass(frozen=True)
class Health:
    """What there is to know; ``problems`` are sentences. ``spool`` are deliveries on the disk of
    this machine, which wait for the database."""

    status: State
    problems: list[str] = field(default_factory=list)
    pending_migrations: list[str] = field(default_factory=list)
    streams: list[StreamHealth] = field(default_factory=list)
    budgets: list[BudgetHealth] = field(default_factory=list)
    webhooks: list[WebhookHealth] = field(default_factory=list)
    inbox: list[InboxHealth] = field(default_factory=list)
    spool: Load = field(default_factory=Load)


def look(database: Database, accounts: Sequence[Account], spool_folder: Path) -> Health:
    """Ask everything. Never raises for a database that is gone: that is what it tells."""
    spool = load_of(spool_folder)
    try:
        with vital_signs(database) as signs:
            pending = signs.pending_migrations()
            if pending:
                return Health(State.DOWN, [unmigrated(pending)], pending, spool=spool)
            streams = [_stream(row) for row in signs.streams(stream_keys(accounts))]
            budgets = [budget_of(signs, account) for account in accounts]
            webhooks = [WebhookHealth(**row) for row in signs.webhooks()]
            inbox = inbox_health(signs)
    except SystemTrouble as trouble:
        return Health(State.DOWN, [str(trouble)], spool=spool)
    problems = [
        *_stream_problems(streams),
        *_budget_problems(budgets),
        *_webhook_problems(webhooks),
        *inbox_problems(inbox),
        *spool_problems(spool, spool_folder),
    ]
    return Health(
        State.DEGRADED if problems else State.OK,
        problems,
        streams=streams,
        budgets=budgets,
        webhooks=webhooks,
        inbox=inbox,
        spool=spool,
    )


def unmigrated(pending: Sequence[str]) -> str:
    """What to say of migrations that are not applied."""
    return f"migrations are not applied ({', '.join(pending)}): run crm-pipelines migrate"


def stream_keys(accounts: Sequence[Account]) -> list[tuple[str, str, str]]:
    """Workspace, CRM and stream of everything that is mirrored."""
    return [(a.workspace, a.crm, stream.name) for a in accounts for stream in a.streams]


def budget_of(signs: VitalSigns, account: Account) -> BudgetHealth:
    """An account's budget of today."""
    row, limits = signs.budget(account.workspace, account.crm), account.limits
    allowed = int((row["observed_limit"] or limits.daily) * limits.share)
    left = 0 if row["exhausted_until"] else max(0, allowed - row["spent"])
    return BudgetHealth(
        account.workspace, account.crm, allowed, row["spent"], left, row["exhausted_until"]
    )


def _stream(row: dict[str, Any]) -> StreamHealth:
    return StreamHealth(
        workspace=row["workspace"],
        crm=row["crm"],
        stream=row["stream"],
        status=row["status"] or "never",
        ended_at=row["ended_at"],
        age_seconds=row["age_seconds"],
        succeeded_at=row["succeeded_at"],
        error=row["error"],
    )


def _stream_problems(streams: Sequence[StreamHealth]) -> list[str]:
    return [
        f"{one.workspace} {one.crm}.{one.stream} {one.status}: {one.error or 'no reason given'}"
        for one in streams
        if one.status in ("failed", "paused")
    ]


def _budget_problems(budgets: Sequence[BudgetHealth]) -> list[str]:
    return [
        f"{one.workspace} {one.crm}: today's budget of {one.allowed:,} is spent"
        for one in budgets
        if not one.left
    ]


def _webhook_problems(webhooks: Sequence[WebhookHealth]) -> list[str]:
    return [
        f"{one.workspace} {one.crm}: the webhook for {one.object} is {one.status} "
        f"({one.remark or 'no reason given'})"
        for one in webhooks
        if one.status != "active"
    ]
