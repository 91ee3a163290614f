"""Jobs and schedules: one of each per CRM."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from crm_pipelines.model.stream import Stream

CENSUS = "mirror_is_complete"
"""The check that asks the CRM; a sync passes over it."""

Job = Any
"""An asset job before it is resolved; Dagster exports no public name for it."""


def sync_job(crm: str, keys: Sequence[dg.AssetKey], counted: Sequence[dg.AssetKey]) -> Job:
    """Every stream of a CRM in one run, with their checks; the census of those that have one is
    left out."""
    return dg.define_asset_job(
        f"sync_{crm}",
        selection=dg.AssetSelection.assets(*keys) - _census(counted),
        description=f"Sync every enabled stream of {crm}. Pick windows for the past; the "
        "schedule asks for what changed since the watermark.",
        tags={"crm": crm},
    )


def _census(keys: Sequence[dg.AssetKey]) -> dg.AssetSelection:
    return dg.AssetSelection.checks(*(dg.AssetCheckKey(key, CENSUS) for key in keys))


def sync_schedule(
    crm: str, job: Job, minutes: int, streams: Mapping[dg.AssetKey, Stream]
) -> dg.ScheduleDefinition:
    """A delta every so many minutes; off until somebody switches it on."""

    @dg.schedule(
        name=f"{crm}_delta_sync",
        job=job,
        cron_schedule=cron(minutes),
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"What changed in {crm} since the watermark, every {minutes} minutes "
        "(CRM_SYNC_EVERY_MINUTES); lists that seldom change have a rhythm of their own.",
    )
    def delta(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        at, every = context.scheduled_execution_time, timedelta(minutes=minutes)
        due = [key for key, stream in streams.items() if stream.is_due(at, every)]
        return dg.RunRequest(
            partition_key=f"{at:%Y-%m-%d}",
            asset_selection=due if len(due) < len(streams) else None,
            run_config=incremental(),
            tags={"sync": "delta"},
        )

    return delta


def incremental(**options: Any) -> dict[str, Any]:
    """Run config that asks for what changed since the watermark, or for the options given."""
    return {"resources": {"options": {"config": {"mode": "incremental", **options}}}}


def cron(minutes: int) -> str:
    """A cron line for an interval of 1 to 59 minutes or of whole hours."""
    if minutes < 60:
        return f"*/{minutes} * * * *"
    return f"0 */{minutes // 60} * * *" if minutes < 1440 else "0 0 * * *"
