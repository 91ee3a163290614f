"""Looking after webhooks. Belongs here: when it is done, and which syncs follow. Not: how."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from crm_pipelines.defs.jobs import Job
from crm_pipelines.defs.mirrors import Mirrors
from crm_pipelines.defs.watching import UNFINISHED
from crm_pipelines.flows.hooks.checkup import Checkup
from crm_pipelines.flows.hooks.flow import Webhooks
from crm_pipelines.flows.inbox.flow import Inbox
from crm_pipelines.model.errors import BudgetSpent, ConfigurationError, CrmError, SystemTrouble
from crm_pipelines.store import webhooks as store
from crm_pipelines.wiring import Wiring

JOB = "check_webhooks"
GAP = "webhooks/gap"
"""Tag: of a check, what is to be synced (JSON, asset keys by mode); of a sync, that it does it."""

EVERY = "*/15 * * * *"
"""A ban lasts half an hour: none begins and ends between two looks. A look costs one call."""


def webhook_definitions(
    wiring: Wiring, syncs: Mapping[str, Job], mirrors: Mirrors
) -> dg.Definitions:
    """Job, schedule and sensor for every CRM whose webhooks we manage."""
    crms = {account.crm for account, _ in mirrors.values() if account.connector.hooks is not None}
    if not crms:
        return dg.Definitions()
    crm = min(crms)
    job = check_job(crm, mirrors)
    return dg.Definitions(
        jobs=[job],
        schedules=[check_schedule(wiring, crm, job)],
        sensors=[gap_sensor(job, syncs[crm])],
    )


def check_job(crm: str, mirrors: Mirrors) -> dg.JobDefinition:
    """Looks, mends, and says what has to be synced."""
    keys = {(a.workspace, a.crm, stream.name): key for key, (a, stream) in mirrors.items()}

    @dg.op(
        name="look_after_webhooks",
        description="Compares the CRM's list of webhooks with ours, and the mirror with the last "
        "deliveries; makes anew what was deleted, banned or brings nothing. A gap that this left "
        "is closed by a sync of its own. Then the local side follows what syncs have found.",
        required_resource_keys={"webhooks", "inbox"},
        out=dg.Out(dg.Nothing),
    )
    def look(context: dg.OpExecutionContext) -> None:
        wanted: dict[str, list[str]] = {"incremental": [], "full": []}
        for workspace, webhooks in context.resources.webhooks(crm).items():
            found = _check(webhooks, context.resources.inbox(crm)[workspace], context.run_id)
            context.add_output_metadata({workspace: dg.MetadataValue.md(_table(found))})
            for one in found.findings:
                if one.problem:
                    context.log.warning(f"{workspace} {one.object} {one.condition}: {one.words}")
            for mode, names in (
                ("incremental", found.catching.delta),
                ("full", found.catching.whole),
            ):
                wanted[mode] += [keys[workspace, crm, name].to_user_string() for name in names]
        if any(wanted.values()):
            context.instance.add_run_tags(context.run_id, {GAP: json.dumps(wanted)})

    @dg.job(
        name=JOB,
        description=f"Whether {crm} still tells us of changes; mends what does not.",
        tags={"crm": crm},
    )
    def job() -> None:
        look()

    return job


def check_schedule(wiring: Wiring, crm: str, job: dg.JobDefinition) -> Any:
    """On from the start: it does nothing until webhooks are registered, and then it is needed."""

    @dg.schedule(
        name=JOB,
        job=job,
        cron_schedule=EVERY,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Looks after webhooks where some were registered (one call each time, about "
        "3 % of the smallest plan's day), every quarter of an hour: a ban lasts twice as long, so "
        "that none goes unseen.",
    )
    def again(_: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if store.workspaces(wiring.database, crm):
            return dg.RunRequest()
        return dg.SkipReason("no webhook was registered: crm-pipelines webhooks register")

    return again


def gap_sensor(job: dg.JobDefinition, sync: Job) -> Any:
    """What webhooks did not tell is asked for, one sync for each mode."""

    @dg.run_status_sensor(
        name="close_webhook_gaps",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[job],
        request_job=sync,
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Syncs the streams of webhooks that were broken: changes, and deletes where "
        "deltas do not tell them. Asked for anew by every check until it is done.",
    )
    def close(context: dg.RunStatusSensorContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        wanted = json.loads(context.dagster_run.tags.get(GAP, "{}"))
        busy = context.instance.get_runs_count(
            dg.RunsFilter(tags={GAP: "closing"}, statuses=UNFINISHED)
        )
        if not any(wanted.values()) or busy:
            yield dg.SkipReason("there is no gap, or a sync is closing it")
            return
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        for mode, keys in wanted.items():
            if keys:
                yield _request(context.dagster_run.run_id, mode, keys, today)

    return close


def _request(run_id: str, mode: str, keys: Sequence[str], today: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{run_id}/{mode}",
        partition_key=today,
        asset_selection=[dg.AssetKey.from_user_string(key) for key in keys],
        run_config={"resources": {"options": {"config": {"mode": mode}}}},
        tags={"sync": "webhook gap", GAP: "closing"},
    )


def _check(webhooks: Webhooks, inbox: Inbox, run: str) -> Checkup:
    """What syncs found since the last look is followed by the local side, too."""
    try:
        found = webhooks.check()
        inbox.catch_up(run=run)
        return found
    except BudgetSpent as error:
        until = f"{error.resumes_at:%Y-%m-%d %H:%M} UTC"
        raise dg.Failure(f"Paused: {error}; goes on at {until}") from error
    except (CrmError, ConfigurationError, SystemTrouble) as error:
        raise dg.Failure(str(error)) from error


def _table(found: Checkup) -> str:
    lines = [
        "| object | state | last delivery (UTC) | gap since (UTC) | |",
        "|---|---|---|---|---|",
    ]
    for one in found.findings:
        made = "made anew" if one.object in found.settled.made else ""
        times = (one.heard_at, one.since)
        moments = " | ".join(f"{at:%Y-%m-%d %H:%M:%S}" if at else "" for at in times)
        lines.append(f"| {one.object} | {one.condition} | {moments} | {one.words} {made} |")
    return "\n".join(lines)
