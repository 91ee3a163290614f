"""Putting the shell together. Belongs here: the list of what there is. Not: how any of it works."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from crm_pipelines.defs.assets import mirror_asset, source_asset
from crm_pipelines.defs.budget_asset import budget_asset, budget_sensor
from crm_pipelines.defs.checks import mirror_check
from crm_pipelines.defs.completeness import (
    completeness_check,
    completeness_job,
    completeness_schedule,
)
from crm_pipelines.defs.inbox import inbox_definitions
from crm_pipelines.defs.jobs import sync_job, sync_schedule
from crm_pipelines.defs.names import Names
from crm_pipelines.defs.push import push_definitions
from crm_pipelines.defs.resources import resources
from crm_pipelines.defs.resume import resume_sensor
from crm_pipelines.defs.retention import retention_job, retention_schedule
from crm_pipelines.defs.schema_check import schema_check
from crm_pipelines.defs.stages import stage_definitions
from crm_pipelines.defs.sweep import sweep_schedule
from crm_pipelines.defs.webhooks import webhook_definitions
from crm_pipelines.model.connector import Account
from crm_pipelines.model.stream import Stream
from crm_pipelines.wiring import Wiring


def build_definitions(wiring: Wiring) -> dg.Definitions:
    """Everything for the CRMs that the environment points at."""
    accounts = [account for account in wiring.accounts if account.configured]
    names = Names(several_workspaces=len(wiring.settings.workspaces) > 1)
    windows = dg.DailyPartitionsDefinition(
        start_date=wiring.settings.windows_start.isoformat(), end_offset=1
    )
    mirrors = {
        names.asset(account, stream): (account, stream)
        for account in accounts
        for stream in account.streams
    }
    crms = sorted({account.crm for account in accounts})
    windowed = {key: mirror for key, mirror in mirrors.items() if mirror[1].windowed}
    untold = {key: mirror for key, mirror in windowed.items() if not mirror[1].deletes_told}
    jobs = {crm: sync_job(crm, _keys_of(crm, mirrors), _keys_of(crm, windowed)) for crm in crms}
    census = {crm: completeness_job(crm, _keys_of(crm, windowed)) for crm in crms}
    every = wiring.settings.sync_every_minutes
    push = push_definitions(wiring, accounts, names)
    inbox = inbox_definitions(wiring, accounts, names)
    webhooks = webhook_definitions(wiring, jobs, mirrors)
    stages = stage_definitions(wiring, accounts, names)
    work = [*push.jobs, *inbox.jobs, *webhooks.jobs, *stages.jobs]
    retention = retention_job(wiring.settings.keep_days, [job.name for job in work])
    return dg.Definitions(
        assets=[
            *(source_asset(account, names) for account in accounts),
            *(budget_asset(account, names) for account in accounts),
            *(mirror_asset(*mirror, names, windows) for mirror in mirrors.values()),
            *push.assets,
            *inbox.assets,
            *stages.assets,
        ],
        asset_checks=[
            *(mirror_check(key, *mirror) for key, mirror in mirrors.items()),
            *(schema_check(key, *mirror) for key, mirror in mirrors.items()),
            *(completeness_check(key, *mirror) for key, mirror in windowed.items()),
        ],
        jobs=[*jobs.values(), *census.values(), *work, retention],
        schedules=[
            *(
                sync_schedule(crm, job, every, _streams_of(crm, mirrors))
                for crm, job in jobs.items()
            ),
            *(completeness_schedule(crm, job) for crm, job in census.items()),
            *(
                sweep_schedule(crm, job, _keys_of(crm, untold))
                for crm, job in jobs.items()
                if _keys_of(crm, untold)
            ),
            *push.schedules,
            *webhooks.schedules,
            retention_schedule(retention),
        ],
        sensors=[
            resume_sensor(wiring, jobs, mirrors),
            budget_sensor(wiring, accounts, names),
            *push.sensors,
            *inbox.sensors,
            *webhooks.sensors,
            *stages.sensors,
        ]
        if jobs
        else [],
        resources=resources(wiring),
        executor=dg.in_process_executor,
    )


def _keys_of(crm: str, mirrors: Mapping[dg.AssetKey, tuple[Account, Stream]]) -> list[dg.AssetKey]:
    return [key for key, (account, _) in mirrors.items() if account.crm == crm]


def _streams_of(
    crm: str, mirrors: Mapping[dg.AssetKey, tuple[Account, Stream]]
) -> dict[dg.AssetKey, Stream]:
    return {key: stream for key, (account, stream) in mirrors.items() if account.crm == crm}
