"""Metrics of syncs, as Prometheus reads them. Names end in their unit, as Prometheus advises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.reports.health import budget_of, stream_keys, unmigrated
from crm_pipelines.reports.inbox_metrics import inbox_metrics, spool_metrics
from crm_pipelines.store.database import Database
from crm_pipelines.store.inbox.spool import load_of
from crm_pipelines.store.vital_signs import vital_signs

OF_STREAM = ("workspace", "crm", "stream")
OF_ACCOUNT = ("workspace", "crm")
STATES = ("success", "partial", "failed", "paused")
ROWS = ("created", "updated", "unchanged", "deleted", "rejected")


def exposition(database: Database, accounts: Sequence[Account], spool_folder: Path) -> bytes:
    """Text format 0.0.4. Raises ``SystemTrouble`` when the database is gone or its schema old."""
    with vital_signs(database) as signs:
        pending = signs.pending_migrations()
        if pending:
            raise SystemTrouble(unmigrated(pending))
        streams = signs.streams(stream_keys(accounts))
        families = [
            *_of_runs(streams),
            *_of_records(streams, signs.rejected()),
            *_of_spending(signs.usage()),
            *_of_budgets([(a, budget_of(signs, a).left) for a in accounts]),
            *inbox_metrics(signs, accounts),
            *spool_metrics(load_of(spool_folder)),
        ]
    registry = CollectorRegistry()
    registry.register(_Fixed(families))
    return generate_latest(registry)


class _Fixed:
    """A collector of metrics that were read already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _of_runs(streams: Sequence[dict[str, Any]]) -> Iterator[Metric]:
    told = "of the last run that succeeded"
    succeeded = GaugeMetricFamily(
        "crm_sync_last_success_timestamp_seconds", f"End {told}.", labels=OF_STREAM
    )
    seconds = GaugeMetricFamily("crm_sync_duration_seconds", f"Duration {told}.", labels=OF_STREAM)
    calls = GaugeMetricFamily("crm_sync_api_calls", f"API calls {told}.", labels=OF_STREAM)
    tokens = GaugeMetricFamily("crm_sync_tokens", f"Tokens {told}.", labels=OF_STREAM)
    status = GaugeMetricFamily(
        "crm_sync_status", "1 for how the last run ended.", labels=(*OF_STREAM, "status")
    )
    for row in streams:
        about = [row[name] for name in OF_STREAM]
        for state in STATES if row["status"] else ():
            status.add_metric([*about, state], float(row["status"] == state))
        if row["succeeded_at"]:
            succeeded.add_metric(about, row["succeeded_at"].timestamp())
            seconds.add_metric(about, row["seconds"])
            calls.add_metric(about, row["api_calls"])
            tokens.add_metric(about, row["tokens"])
    yield from (succeeded, seconds, calls, tokens, status)


def _of_records(
    streams: Sequence[dict[str, Any]], rejected: Sequence[dict[str, Any]]
) -> Iterator[Metric]:
    fetched = GaugeMetricFamily(
        "crm_sync_fetched_records", "Records that the last good run read.", labels=OF_STREAM
    )
    rows = GaugeMetricFamily(
        "crm_sync_rows", "What the last good run did with them.", labels=(*OF_STREAM, "outcome")
    )
    for row in streams:
        about = [row[name] for name in OF_STREAM]
        if row["succeeded_at"]:
            fetched.add_metric(about, row["processed"])
            for outcome in ROWS:
                rows.add_metric([*about, outcome], row[outcome])
    waiting = GaugeMetricFamily(
        "crm_rejected_records", "Records in sync.rejected_records.", labels=OF_STREAM
    )
    for row in rejected:
        waiting.add_metric([row[name] for name in OF_STREAM], row["records"])
    yield from (fetched, rows, waiting)


def _of_spending(usage: Sequence[dict[str, Any]]) -> Iterator[Metric]:
    tokens = CounterMetricFamily("crm_tokens", "Tokens spent so far.", labels=OF_STREAM)
    calls = CounterMetricFamily("crm_api_calls", "API calls made so far.", labels=OF_STREAM)
    for row in usage:
        about = [row[name] for name in OF_STREAM]
        tokens.add_metric(about, row["tokens"])
        calls.add_metric(about, row["calls"])
    yield from (tokens, calls)


def _of_budgets(left: Sequence[tuple[Account, int]]) -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "crm_budget_left", "Units of today's budget that are left.", labels=OF_ACCOUNT
    )
    for account, units in left:
        family.add_metric([account.workspace, account.crm], units)
    yield family
