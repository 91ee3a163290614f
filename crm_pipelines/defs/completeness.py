"""Asset checks that compare a whole mirror with its CRM, the job that runs them, its schedule."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from crm_pipelines.defs.jobs import CENSUS, Job
from crm_pipelines.flows.reconcile.census import Found, take_census
from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import BudgetSpent, ConfigurationError, CrmError, SystemTrouble
from crm_pipelines.model.stream import Stream

MOST_IDS = 100
"""Ids of each kind that are shown."""


def completeness_check(
    key: dg.AssetKey, account: Account, stream: Stream
) -> dg.AssetChecksDefinition:
    """Missing, stale and ghost records of one stream."""
    spec = dg.AssetCheckSpec(
        CENSUS,
        asset=key,
        description="Every record of the CRM is here and none is stale or a ghost. Costs API "
        f"budget, so a sync passes over it: run it from this tab, or all with check_{account.crm}.",
    )

    @dg.multi_asset_check(
        specs=[spec],
        name=f"{key.to_python_identifier()}__{CENSUS}",
        can_subset=True,  # may end without a verdict
        required_resource_keys={"database", "budget", account.crm},
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        if context.run.asset_selection:
            context.log.info(f"Not asked for: a census costs budget; run check_{account.crm}.")
            return
        with_resources: Any = context.op_execution_context.resources
        own: Account = getattr(with_resources, account.crm)[account.workspace]
        try:
            found = take_census(
                own, stream, database=with_resources.database, budget=with_resources.budget
            )
        except BudgetSpent as error:
            raise dg.Failure(
                f"Paused: {error}; ask again after {error.resumes_at:%Y-%m-%d %H:%M} UTC"
            ) from error
        except (CrmError, ConfigurationError, SystemTrouble) as error:
            raise dg.Failure(str(error)) from error
        yield _verdict(key, found)

    return check


def completeness_job(crm: str, keys: Sequence[dg.AssetKey]) -> Job:
    """The census of every windowed stream of a CRM."""
    checks = (dg.AssetCheckKey(key, CENSUS) for key in keys)
    return dg.define_asset_job(
        f"check_{crm}",
        selection=dg.AssetSelection.checks(*checks),
        description=f"Compare every mirror of {crm} with the CRM itself: what is missing, stale, "
        "or a ghost. Changes nothing.",
        tags={"crm": crm},
    )


def completeness_schedule(crm: str, job: Job) -> dg.ScheduleDefinition:
    """Once a week; off until somebody switches it on."""
    return dg.ScheduleDefinition(
        name=f"{crm}_completeness",
        job=job,
        cron_schedule="0 5 * * 0",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"A census of every mirror of {crm}, on Sundays at 05:00 UTC.",
    )


def _verdict(key: dg.AssetKey, found: Found) -> dg.AssetCheckResult:
    wrong = bool(found.missing or found.stale or found.doubt)
    return dg.AssetCheckResult(
        check_name=CENSUS,
        asset_key=key,
        passed=not wrong and not found.ghosts,
        severity=dg.AssetCheckSeverity.ERROR if wrong else dg.AssetCheckSeverity.WARN,
        description=_sentence(found),
        metadata=_metadata(found),
    )


def _sentence(found: Found) -> str:
    parts = [
        f"{len(ids):,} {name}"
        for name, ids in (
            ("missing", found.missing),
            ("stale", found.stale),
            ("gone in the CRM but alive here (a full sync buries them)", found.ghosts),
        )
        if ids
    ]
    words = ", ".join(parts) or "nothing is missing, stale or a ghost"
    return f"{words}; {found.doubt}" if found.doubt else words


def _metadata(found: Found) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "records_here": found.here,
        "missing": len(found.missing),
        "stale": len(found.stale),
        "ghosts": len(found.ghosts),
        "pending": len(found.pending),
        "rejected": len(found.rejected),
        "api_calls": found.calls,
        "tokens": found.tokens,
        "windows_listed": "all" if found.days is None else found.days,
    }
    if found.there is not None:
        figures["records_there"] = found.there
    lists = {
        f"{name}_ids": ids[:MOST_IDS]
        for name, ids in (
            ("missing", found.missing),
            ("stale", found.stale),
            ("ghost", found.ghosts),
        )
        if ids
    }
    windows = {"wrong_by_window": found.by_day} if found.by_day else {}
    return {**figures, **lists, **windows}
