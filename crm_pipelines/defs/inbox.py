"""The inbox in Dagster. Belongs here: the list of what it brings. Not: how any of it works."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from crm_pipelines.defs.inbox_jobs import apply_job, deliveries_sensor, replay_job
from crm_pipelines.defs.names import OWNERS, Names
from crm_pipelines.model.connector import Account
from crm_pipelines.wiring import Wiring


def heard(accounts: Sequence[Account]) -> list[Account]:
    """The accounts of the CRM whose webhooks are understood."""
    found = [account for account in accounts if account.connector.events is not None]
    return [account for account in found if account.crm == found[0].crm]


def inbox_definitions(wiring: Wiring, accounts: Sequence[Account], names: Names) -> dg.Definitions:
    """Jobs, sensor and assets of the CRM that tells us what changes."""
    sources = heard(accounts)
    if not sources:
        return dg.Definitions()
    crm, workspaces = sources[0].crm, [account.workspace for account in sources]
    job = apply_job(crm, sources[0].connector.title, names)
    return dg.Definitions(
        assets=[inbox_asset(account, names) for account in sources],
        jobs=[job, replay_job(crm)],
        sensors=[deliveries_sensor(wiring, crm, workspaces, job)],
    )


def inbox_asset(account: Account, names: Names) -> dg.AssetSpec:
    """Between the CRM and its mirrors: what it told us by itself."""
    return dg.AssetSpec(
        names.inbox(account.workspace, account.crm),
        deps=[names.source(account)],
        description=f"`sync.inbox`: webhook deliveries of {account.connector.title}, kept as they "
        "came until they are applied to the mirrors, and after. Each run of `apply_webhooks` says "
        "what became of them, and at each mirror which rows it wrote.",
        group_name="inbox",
        owners=OWNERS,
        kinds={"webhook", "postgres"},
    )
