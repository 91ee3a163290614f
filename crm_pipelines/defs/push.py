"""The push in Dagster. Belongs here: the list of what it brings. Not: how any of it works."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from crm_pipelines.defs.names import Names
from crm_pipelines.defs.push_jobs import (
    push_assets,
    push_job,
    push_schedules,
    push_sensor,
    reconcile_job,
    redrive_job,
    retry_job,
)
from crm_pipelines.model.connector import Account
from crm_pipelines.model.purpose import PURPOSES
from crm_pipelines.wiring import Wiring


def written_to(accounts: Sequence[Account]) -> list[Account]:
    """The accounts of the CRM that can be written to."""
    found = [account for account in accounts if account.connector.sink is not None]
    return [account for account in found if account.crm == found[0].crm]


def push_definitions(wiring: Wiring, accounts: Sequence[Account], names: Names) -> dg.Definitions:
    """Jobs, sensors, schedules and assets of the CRM that can be written to."""
    targets = written_to(accounts)
    if not targets:
        return dg.Definitions()
    crm, workspaces = targets[0].crm, [account.workspace for account in targets]
    jobs = {purpose: push_job(purpose, crm, names) for purpose in PURPOSES}
    retry, reconcile = retry_job(crm), reconcile_job(crm)
    return dg.Definitions(
        assets=[spec for account in targets for spec in push_assets(account, names)],
        jobs=[*jobs.values(), retry, redrive_job(crm), reconcile],
        sensors=[
            push_sensor(wiring, purpose, crm, workspaces, job) for purpose, job in jobs.items()
        ],
        schedules=push_schedules(wiring, crm, workspaces, retry, reconcile),
    )
