"""Budgets in the UI. Belongs here: an asset per account, observed without a run of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import dagster as dg

from crm_pipelines.budget.account import AccountBudget
from crm_pipelines.defs.names import OWNERS, Names
from crm_pipelines.model.connector import Account
from crm_pipelines.wiring import Wiring

SECONDS = 60
GROUP = "operations"


def budget_asset(account: Account, names: Names) -> dg.AssetSpec:
    """What an account may spend in a day; other programs spend from it, too."""
    return dg.AssetSpec(
        names.budget(account),
        description=f"What {account.connector.title} lets us spend in a day: spent, left, by "
        "stream and priority, and how the day will end. Looked at every minute while it changes.",
        group_name=GROUP,
        owners=OWNERS,
        kinds={account.crm},
    )


def budget_sensor(wiring: Wiring, accounts: Sequence[Account], names: Names) -> Any:
    """Notes the figures whenever they have changed; starts no run."""
    keys = {(account.workspace, account.crm): names.budget(account) for account in accounts}

    @dg.sensor(
        name="watch_budgets",
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Shows what is spent and left of each CRM's budget, at its asset.",
    )
    def watch(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        known = json.loads(context.cursor or "{}")
        found = {"/".join((one.workspace, one.crm)): one for one in wiring.budgets()}
        marks = {name: _mark(one) for name, one in found.items()}
        news = [
            dg.AssetObservation(keys[one.workspace, one.crm], metadata=_metadata(one))
            for name, one in found.items()
            if known.get(name) != marks[name]
        ]
        return dg.SensorResult(asset_events=news, cursor=json.dumps(marks))

    return watch


def _mark(one: AccountBudget) -> list[Any]:
    """What makes it worth telling again; the forecast alone does not."""
    return [one.limit, one.spent, str(one.resets_at), str(one.refused_until), one.circuit]


def _metadata(one: AccountBudget) -> dict[str, Any]:
    found: dict[str, Any] = {
        "spent": one.spent,
        "left": one.left,
        "ours": one.ours,
        "limit": one.limit,
        "spent_by_others": one.others,
        "forecast": one.forecast,
        "resets_at": dg.MetadataValue.timestamp(one.resets_at),
        "by_stream": dg.MetadataValue.md(_table(one)),
    }
    found |= {f"spent_{name}": units for name, units in one.by_priority.items()}
    found |= {f"left_for_{name}": units for name, units in one.left_for.items()}
    if one.circuit:
        found["circuit"] = one.circuit
    if one.refused_until:
        found["refused_until"] = dg.MetadataValue.timestamp(one.refused_until)
    if one.paused:
        found["paused"] = {stream: at.isoformat() for stream, at in one.paused.items()}
    return found


def _table(one: AccountBudget) -> str:
    lines = ["| stream | priority | spent | calls |", "| --- | --- | --- | --- |"]
    lines += [f"| {u.stream} | {u.priority} | {u.tokens} | {u.calls} |" for u in one.usage]
    return "\n".join(lines)
