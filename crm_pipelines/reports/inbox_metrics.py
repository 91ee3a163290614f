"""How the inbox stands, in Prometheus's figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from crm_pipelines.model.connector import Account
from crm_pipelines.model.event import State
from crm_pipelines.reports.inbox import inbox_health
from crm_pipelines.store.inbox.spool import Load
from crm_pipelines.store.vital_signs import VitalSigns

OF_ACCOUNT = ("workspace", "crm")


def inbox_metrics(signs: VitalSigns, accounts: Sequence[Account]) -> Iterator[Metric]:
    """Of the accounts whose webhooks are understood."""
    heard = [account for account in accounts if account.connector.events is not None]
    yield _by_state(signs, heard)
    yield _oldest(signs, heard)
    yield _last(signs, heard)
    yield from _echoes(signs)


def _by_state(signs: VitalSigns, heard: Sequence[Account]) -> Metric:
    found = {(row["workspace"], row["crm"], row["status"]): row for row in signs.deliveries()}
    family = GaugeMetricFamily(
        "crm_inbox_deliveries", "Deliveries by what became of them.", labels=(*OF_ACCOUNT, "state")
    )
    for account in heard:
        for state in State:
            labels = (account.workspace, account.crm, state.value)
            family.add_metric(labels, found[labels]["deliveries"] if labels in found else 0)
    return family


def _oldest(signs: VitalSigns, heard: Sequence[Account]) -> Metric:
    found = {(one.workspace, one.crm): one for one in inbox_health(signs)}
    family = GaugeMetricFamily(
        "crm_inbox_oldest_waiting_seconds", "0 where no delivery waits.", labels=OF_ACCOUNT
    )
    for account in heard:
        one = found.get((account.workspace, account.crm))
        family.add_metric(
            (account.workspace, account.crm), one.oldest_waiting_seconds if one else 0
        )
    return family


def _last(signs: VitalSigns, heard: Sequence[Account]) -> Metric:
    family = GaugeMetricFamily(
        "crm_inbox_last_delivery_timestamp_seconds",
        "When the last delivery of a kind came.",
        labels=(*OF_ACCOUNT, "object", "action"),
    )
    for workspace in sorted({account.workspace for account in heard}):
        for row in signs.last_deliveries(workspace):
            labels = (workspace, row["crm"], row["object"], row["action"])
            family.add_metric(labels, row["received_at"].timestamp())
    return family


def _echoes(signs: VitalSigns) -> Iterator[Metric]:
    writes = CounterMetricFamily("crm_push_writes", "Writes of ours.", labels=OF_ACCOUNT)
    echoes = CounterMetricFamily(
        "crm_inbox_echoes",
        "Deliveries that told of one of them: as many, while webhooks work.",
        labels=OF_ACCOUNT,
    )
    for row in signs.echoes():
        labels = (row["workspace"], row["crm"])
        writes.add_metric(labels, row["writes"])
        echoes.add_metric(labels, row["echoes"])
    yield from (writes, echoes)


def spool_metrics(spool: Load) -> Iterator[Metric]:
    """Deliveries on the disk of this machine, while the database is away."""
    told = "of webhook deliveries that wait for the database"
    yield GaugeMetricFamily("crm_spool_files", f"Files {told}.", value=spool.files)
    yield GaugeMetricFamily("crm_spool_bytes", f"Bytes {told}.", value=spool.bytes)
