"""The mirrors in Dagster. Belongs here: the list of what they bring. Not: how any of it works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

from crm_pipelines.defs.assets import mirror_asset, source_asset
from crm_pipelines.defs.budget_asset import budget_asset, budget_sensor
from crm_pipelines.defs.checks import mirror_check
from crm_pipelines.defs.completeness import (
    completeness_check,
    completeness_job,
    completeness_schedule,
)
from crm_pipelines.defs.jobs import Job, sync_job, sync_schedule
from crm_pipelines.defs.names import Names
from crm_pipelines.defs.resume import resume_sensor
from crm_pipelines.defs.schema_check import schema_check
from crm_pipelines.defs.sweep import sweep_schedule
from crm_pipelines.model.connector import Account
from crm_pipelines.model.stream import Stream
from crm_pipelines.wiring import Wiring

Mirrors = Mapping[dg.AssetKey, tuple[Account, Stream]]


def mirrors_of(accounts: Sequence[Account], names: Names) -> Mirrors:
    """Every stream of these accounts, by its asset."""
    return {
        names.asset(account, stream): (account, stream)
        for account in accounts
        for stream in account.streams
    }


def sync_jobs(mirrors: Mirrors) -> dict[str, Job]:
    """One for each CRM."""
    return {
        crm: sync_job(crm, list(own), list(_windowed(own))) for crm, own in _by_crm(mirrors).items()
    }


def mirror_definitions(
    wiring: Wiring,
    accounts: Sequence[Account],
    names: Names,
    mirrors: Mirrors,
    syncs: Mapping[str, Job],
) -> dg.Definitions:
    """Assets, checks, and what starts syncs; nothing where no CRM is set up."""
    if not mirrors:
        return dg.Definitions()
    windows = dg.DailyPartitionsDefinition(
        start_date=wiring.settings.windows_start.isoformat(), end_offset=1
    )
    windowed = _windowed(mirrors)
    of_crms = [_of_crm(wiring, crm, own, syncs[crm]) for crm, own in _by_crm(mirrors).items()]
    return dg.Definitions.merge(
        *of_crms,
        dg.Definitions(
            assets=[
                *(source_asset(account, names) for account in accounts),
                *(budget_asset(account, names) for account in accounts),
                *(mirror_asset(*mirror, names, windows) for mirror in mirrors.values()),
            ],
            asset_checks=[
                *(mirror_check(key, *mirror) for key, mirror in mirrors.items()),
                *(schema_check(key, *mirror) for key, mirror in mirrors.items()),
                *(completeness_check(key, *mirror) for key, mirror in windowed.items()),
            ],
            sensors=[
                resume_sensor(wiring, syncs, mirrors),
                budget_sensor(wiring, accounts, names),
            ],
        ),
    )


def _of_crm(wiring: Wiring, crm: str, own: Mirrors, sync: Job) -> dg.Definitions:
    """Jobs and schedules of one CRM."""
    census = completeness_job(crm, list(_windowed(own)))
    streams = {key: stream for key, (_, stream) in own.items()}
    untold = [key for key, (_, one) in _windowed(own).items() if not one.deletes_told]
    return dg.Definitions(
        jobs=[sync, census],
        schedules=[
            sync_schedule(crm, sync, wiring.settings.sync_every_minutes, streams),
            completeness_schedule(crm, census),
            *([sweep_schedule(crm, sync, untold)] if untold else []),
        ],
    )


def _by_crm(mirrors: Mirrors) -> dict[str, Mirrors]:
    crms = sorted({account.crm for account, _ in mirrors.values()})
    return {
        crm: {key: mirror for key, mirror in mirrors.items() if mirror[0].crm == crm}
        for crm in crms
    }


def _windowed(mirrors: Mirrors) -> Mirrors:
    return {key: mirror for key, mirror in mirrors.items() if mirror[1].windowed}
