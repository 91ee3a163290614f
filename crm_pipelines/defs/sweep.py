"""The sweep: the schedule that finds what was deleted where the API does not tell."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from crm_pipelines.defs.jobs import Job


def sweep_schedule(crm: str, job: Job, keys: Sequence[dg.AssetKey]) -> dg.ScheduleDefinition:
    """Every night; off until somebody switches it on."""

    @dg.schedule(
        name=f"{crm}_deletion_sweep",
        job=job,
        cron_schedule="0 2 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"Reads every id of the streams of {crm} whose deltas do not tell what was "
        "deleted, and sets tombstones for what is gone: every night at 02:00 UTC, with the lowest "
        "priority on the budget.",
    )
    def sweep(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(
            partition_key=f"{context.scheduled_execution_time:%Y-%m-%d}",
            asset_selection=list(keys),
            run_config={"resources": {"options": {"config": {"mode": "full"}}}},
            tags={"sync": "sweep"},
        )

    return sweep
