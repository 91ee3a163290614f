"""Putting the shell together. Belongs here: the list of what there is. Not: how any of it works."""

from __future__ import annotations

import dagster as dg

from crm_pipelines.defs.inbox import inbox_definitions
from crm_pipelines.defs.mirrors import mirror_definitions, mirrors_of, sync_jobs
from crm_pipelines.defs.names import Names
from crm_pipelines.defs.push import push_definitions
from crm_pipelines.defs.resources import resources
from crm_pipelines.defs.retention import retention_definitions
from crm_pipelines.defs.stages import stage_definitions
from crm_pipelines.defs.webhooks import webhook_definitions
from crm_pipelines.wiring import Wiring


def build_definitions(wiring: Wiring) -> dg.Definitions:
    """Everything for the CRMs that the environment points at."""
    accounts = [account for account in wiring.accounts if account.configured]
    names = Names(several_workspaces=len(wiring.settings.workspaces) > 1)
    mirrors = mirrors_of(accounts, names)
    syncs = sync_jobs(mirrors)
    work = (
        push_definitions(wiring, accounts, names),
        inbox_definitions(wiring, accounts, names),
        webhook_definitions(wiring, syncs, mirrors),
        stage_definitions(wiring, accounts, names),
    )
    return dg.Definitions.merge(
        mirror_definitions(wiring, accounts, names, mirrors, syncs),
        *work,
        retention_definitions(wiring.settings.keep_days, work),
        dg.Definitions(resources=resources(wiring), executor=dg.in_process_executor),
    )
