"""Stages in Dagster: the history of deals, what it sets off, and reading the past.

Belongs here: when that happens, and what a run tells of it. Not: how any of it works.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from crm_pipelines.defs.names import OWNERS, Names
from crm_pipelines.defs.watching import UNFINISHED
from crm_pipelines.flows.stages.flow import Stages
from crm_pipelines.model.connector import Account
from crm_pipelines.store.stages import tasks, watch
from crm_pipelines.wiring import Wiring

HISTORY, PAST = "stage_history", "stage_past"
DEALS = ("deals", "archived_deals")
LISTS = (*DEALS, "stages")
LOOK_SECONDS = 15


def stage_definitions(wiring: Wiring, accounts: Sequence[Account], names: Names) -> dg.Definitions:
    """Assets, jobs and the sensor of the CRM whose deals have stages."""
    found = [account for account in accounts if account.connector.change_log is not None]
    if not found:
        return dg.Definitions()
    crm = found[0].crm
    own = [account for account in found if account.crm == crm]
    keys = [names.stages(account.workspace, crm) for account in own]
    workspaces = [account.workspace for account in own]
    history = dg.define_asset_job(
        HISTORY,
        selection=keys,
        description="Adds changes of stage that the mirror shows and no webhook told of, and does "
        "what changes of stage have set off, each action once. Started by `stage_changes`.",
        tags={"crm": crm},
    )
    return dg.Definitions(
        assets=[history_asset(account, names) for account in own],
        jobs=[history, past_job(crm)],
        sensors=[
            changes_sensor(wiring, crm, workspaces),
            past_sensor(wiring, crm, workspaces),
        ],
    )


def history_asset(account: Account, names: Names) -> dg.AssetsDefinition:
    """The history of one account's deals, downstream of their mirror."""
    lists = [stream for stream in account.streams if stream.name in LISTS]

    @dg.asset(
        key=names.stages(account.workspace, account.crm),
        deps=[names.asset(account, stream) for stream in lists],
        group_name="stages",
        owners=OWNERS,
        kinds={"postgres"},
        required_resource_keys={"stages"},
        description="`sync.stage_history`: through which stages each deal went, who moved it and "
        "how long it stayed; told by webhooks, the mirror and the deals' change logs. A run says "
        "which changes no webhook told of, and which actions were done.",
    )
    def history(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        stages = _stages(context, account.crm)[account.workspace]
        found, done = stages.work(run=context.run_id)
        counts = tasks.counts(stages.database, stages.workspace)
        _warn(context, stages)
        return dg.MaterializeResult(
            metadata={
                "changes_found_in_the_mirror": found,
                "actions_done": done,
                **{f"actions_{state}_in_all": number for state, number in counts.items()},
            }
        )

    return history


def past_job(crm: str) -> dg.JobDefinition:
    """For a person to begin; it pauses by itself, and goes on by itself."""

    @dg.op(
        name="read_change_logs",
        description="Reads the change log of each deal whose past is not known, 20 tokens a page, "
        "as long as the budget's share for the past lasts. What was read is not read again.",
        required_resource_keys={"stages"},
        out=dg.Out(dg.Nothing),
    )
    def read(context: dg.OpExecutionContext) -> None:
        for workspace, stages in _stages(context, crm).items():
            filled = stages.fill_past(run=context.run_id)
            context.add_output_metadata(
                {
                    f"{workspace}_{name}": value
                    for name, value in vars(filled).items()
                    if name not in ("resumes_at", "busy")
                }
            )
            if filled.resumes_at is not None:
                until = f"{filled.resumes_at:%Y-%m-%d %H:%M} UTC"
                context.log.warning(
                    f"{workspace}: paused, {filled.left:,} deals left until {until}"
                )
                tags = {"stages/paused_until": until}
                context.instance.add_run_tags(context.run_id, tags)

    @dg.job(
        name=PAST,
        description=f"The past of {crm}'s deals, from their own change logs. Launch it once: "
        "when the day's share is spent it ends as paused, and `resume_stage_past` goes on with it "
        "after the reset.",
        tags={"crm": crm},
    )
    def job() -> None:
        read()

    return job


def changes_sensor(wiring: Wiring, crm: str, workspaces: Sequence[str]) -> Any:
    """After syncs of deals, and for actions whose time has come."""

    @dg.sensor(
        name="stage_changes",
        job_name=HISTORY,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Starts `{HISTORY}` after a sync that changed deals, and for actions that "
        "are to be tried again.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        latest = watch.latest_sync(wiring.database, crm, workspaces, DEALS)
        due = tasks.due_count(wiring.database, workspaces, crm)
        if (latest <= int(context.cursor or 0) and not due) or _busy(context, HISTORY):
            return dg.SkipReason("no deals were synced and nothing waits, or a run is at it")
        context.update_cursor(str(latest))
        return dg.RunRequest(tags={"stages/due_actions": str(due)})

    return look


def past_sensor(wiring: Wiring, crm: str, workspaces: Sequence[str]) -> Any:
    """Goes on with a past whose budget is there again."""

    @dg.sensor(
        name="resume_stage_past",
        job_name=PAST,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Starts `{PAST}` where it paused and the day's budget is there again.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        paused = watch.paused(wiring.database, crm, workspaces, wiring.budget.now())
        if paused is None or _busy(context, PAST):
            return dg.SkipReason("nothing has paused, or a run is at it")
        return dg.RunRequest(run_key=f"past/{paused.isoformat()}")

    return look


def _busy(context: dg.SensorEvaluationContext, job: str) -> bool:
    wanted = dg.RunsFilter(job_name=job, statuses=UNFINISHED)
    return context.instance.get_runs_count(wanted) > 0


def _stages(context: Any, crm: str) -> Mapping[str, Stages]:
    found: Mapping[str, Stages] = context.resources.stages(crm)
    return found


def _warn(context: dg.AssetExecutionContext, stages: Stages) -> None:
    """Actions that failed need a person."""
    for row in tasks.listing(stages.database, stages.workspace, status="failed", limit=20):
        if row["run_id"] == context.run_id:
            words = f"{row['action']} of deal {row['deal_id']}: {row['outcome']}"
            context.log.warning(f"{words} (crm-pipelines stages retry {row['id']})")
