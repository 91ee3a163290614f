"""The sweep of what is settled long since. Belongs here: when, and which of Dagster's own runs."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from crm_pipelines.store.retention import forget

JOB = "forget_settled_work"
AT_ONCE = 200
"""Runs that are listed with one query."""

_FINISHED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]
_PARTITION = "dagster/partition"


def retention_definitions(keep_days: int, work: Sequence[dg.Definitions]) -> dg.Definitions:
    """Job and schedule; ``work`` is what says nothing of sync windows."""
    job = retention_job(keep_days, [job.name for one in work for job in one.jobs or ()])
    return dg.Definitions(jobs=[job], schedules=[retention_schedule(job)])


def retention_job(keep_days: int, jobs: Sequence[str]) -> dg.JobDefinition:
    """``jobs`` are those whose runs go, too."""

    @dg.op(
        name="forget",
        description="Removes settled deliveries, delivered changes, lines of sync history and "
        "Dagster's own runs that are older than CRM_KEEP_DAYS. Mirrors, whatever waits, failed or "
        "is dead, and what later work has to know stay.",
        required_resource_keys={"database"},
        out=dg.Out(dg.Nothing),
    )
    def sweep(context: dg.OpExecutionContext) -> None:
        keep = timedelta(days=keep_days)
        gone = forget(context.resources.database, keep)
        runs = forget_runs(context.instance, datetime.now(UTC) - keep, [*jobs, JOB])
        context.add_output_metadata({**gone, "dagster_runs": runs, "kept_days": keep_days})

    @dg.job(
        name=JOB,
        description=f"Removes journals and runs of work that was settled more than {keep_days} "
        "days ago (CRM_KEEP_DAYS), in small batches beside all other work.",
    )
    def job() -> None:
        sweep()

    return job


def retention_schedule(job: dg.JobDefinition) -> Any:
    """On from the start: nothing else keeps an installation from growing."""
    return dg.ScheduleDefinition(
        name=JOB,
        job=job,
        cron_schedule="40 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every night at 03:40 UTC.",
    )


def forget_runs(instance: dg.DagsterInstance, before: datetime, jobs: Collection[str]) -> int:
    """Runs that ended, with events and logs: all of these jobs, and deltas. How many went.

    Of the deltas of a day the last good one for the same assets stays: it shows that their sync
    window was read. So do all other syncs.
    """
    old = [*_old_runs(instance, before, jobs), *_old_deltas(instance, before)]
    for run in old:
        instance.delete_run(run)
        instance.compute_log_manager.delete_logs(prefix=[run])
    return len(old)


def _old_runs(
    instance: dg.DagsterInstance, before: datetime, jobs: Collection[str]
) -> Iterator[str]:
    for job in jobs:
        wanted = dg.RunsFilter(job_name=job, statuses=_FINISHED, created_before=before)
        yield from (run.run_id for run in _every(instance, wanted))


def _old_deltas(instance: dg.DagsterInstance, before: datetime) -> Iterator[str]:
    shown = set()
    wanted = dg.RunsFilter(tags={"sync": "delta"}, statuses=_FINISHED, created_before=before)
    for run in _every(instance, wanted):
        window = run.job_name, run.tags.get(_PARTITION), run.asset_selection
        if run.is_success and window not in shown:
            shown.add(window)
        else:
            yield run.run_id


def _every(instance: dg.DagsterInstance, wanted: dg.RunsFilter) -> Iterator[dg.DagsterRun]:
    """The newest first."""
    cursor = None
    while page := instance.get_runs(wanted, cursor=cursor, limit=AT_ONCE):
        yield from page
        cursor = page[-1].run_id
